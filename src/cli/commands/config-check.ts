import { Command } from "commander";
import { dump } from "js-yaml";
import { loadConfig } from "../../config/load.ts";
import { maskedConfig } from "../../config/masked.ts";
import { formatProblem, formatProblems } from "../../config/problem.ts";
import { configWarnings } from "../../config/warnings.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { EXIT_CONFIG } from "../../process/exit-codes.ts";

/** `ecs-reinstall config check`: what the worker would run on, or everything that is wrong with it. */
export function configCommand(io: CliIo): Command {
  const check = new Command("check")
    .description("print the effective configuration with secrets masked, or all problems (exit 78)")
    .action(() => {
      const loaded = loadConfig(io.env);
      if (loaded.kind === "invalid") {
        io.err(`${formatProblems(loaded.problems)}\n`);
        throw new CliFailure("", EXIT_CONFIG);
      }
      for (const warning of configWarnings(loaded.config, Date.now())) {
        io.err(`Warning: ${formatProblem(warning)}\n`);
      }
      io.out(dump(maskedConfig(loaded.config), { lineWidth: -1 }));
    });
  return new Command("config").description("look at the configuration").addCommand(check);
}
