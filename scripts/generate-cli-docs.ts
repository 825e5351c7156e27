// Writes docs/cli.md from the program itself: `npx tsx scripts/generate-cli-docs.ts`. A unit test compares.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Argument, Command, Option } from "commander";
import { createProgram } from "../src/cli/program.ts";
import {
  EXIT_CONFIG,
  EXIT_FAILURE,
  EXIT_OK,
  EXIT_USAGE,
  SIGNAL_EXIT_CODES,
} from "../src/process/exit-codes.ts";

const HEAD = `# The command line

Made from the program itself by \`npm run docs\`; do not edit. \`ecs-reinstall COMMAND --help\` says the same.

What each command is for, and when to use it: [operations](operations.md#the-commands). In Kubernetes: \`kubectl exec\` into a worker, where
settings and credentials are ([runbooks](runbooks/README.md#the-shell)).

| what it needs | which commands |
|---|---|
| a worker's HTTP API (\`--url\`, else \`ECS_REINSTALL_URL\`, else this machine's) | \`list\`, \`explain\`, \`audit\`, \`status\`, \`server\`; \`unlock\` and \`cancel\` ask it, too |
| Redis (\`REDIS_URL\`, user \`ecs-operator\`) | \`cancel\`, \`pause\`, \`resume\`, \`protect\`, \`unprotect\`, \`release\`, \`resolve\`, \`unlock\` and the like |
| RabbitMQ (\`AMQP_URL\`, user \`ecs-person\`) | \`send\`, \`watch\` |
| RabbitMQ (user \`ecs-dead-reader\`, to return \`ecs-dead-returner\`) | \`dead\`; \`dead drop\` and \`dead return\` need Redis, too |

Answers are for people unless \`--json\` is given: the sentences may change, the JSON only by [the rule of the contract](contract/README.md#versions).

## Exit codes

| code | means |
|---|---|
| ${EXIT_OK} | done, or answered |
| ${EXIT_FAILURE} | not done: the line on standard error says why; \`send --wait\`: the command did not succeed |
| ${EXIT_USAGE} | wrong usage: nothing was tried |
| ${EXIT_CONFIG} | wrong configuration |
${Object.entries(SIGNAL_EXIT_CODES)
  .map(([signal, code]) => `| ${code} | ended by \`${signal}\` |\n`)
  .join("")}| 141 | whoever read its output has gone |

## Completion

\`\`\`sh
source <(ecs-reinstall completion bash)      # or zsh
ecs-reinstall completion fish | source
\`\`\`

`;

/** The whole page. */
export function cliDocs(): string {
  const io = { env: {}, program: "ecs-reinstall", out: () => undefined, err: () => undefined };
  const never = () => Promise.reject(new Error("only its description is read"));
  const program = createProgram({
    ...io,
    openBroker: never,
    openStore: never,
    fetch: never,
    onSignal: () => () => undefined,
  });
  return HEAD + program.commands.flatMap((one) => pagesOf(one, "ecs-reinstall")).join("\n");
}

function pagesOf(command: Command, above: string): string[] {
  const name = `${above} ${command.name()}`;
  if (command.commands.length > 0) return command.commands.flatMap((one) => pagesOf(one, name));
  const args = command.registeredArguments;
  const usage = [name, ...args.map(argumentText), command.options.length > 0 ? "[options]" : ""];
  const rows = [
    ...args.map((one) => row(argumentText(one), one.description, choicesOf(one), "")),
    ...command.options.map((one) =>
      row(one.flags, one.description, choicesOf(one), defaultOf(one)),
    ),
  ];
  const table =
    rows.length === 0
      ? ""
      : `\n| argument, option | what it does | default |\n|---|---|---|\n${rows.join("")}`;
  return [
    `## \`${name.replace("ecs-reinstall ", "")}\`\n\n\`${usage.filter(Boolean).join(" ")}\`: ${command.description()}.\n${table}`,
  ];
}

function argumentText(one: Argument): string {
  return one.required ? `<${one.name()}>` : `[${one.name()}]`;
}

function row(flags: string, says: string, choices: string, preset: string): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return `| \`${cell(flags)}\` | ${cell(says)}${choices} | ${cell(preset)} |\n`;
}

function choicesOf({ argChoices = [] }: Pick<Option, "argChoices">): string {
  return argChoices.length === 0 ? "" : `: ${argChoices.map((one) => `\`${one}\``).join(", ")}`;
}

function defaultOf({ defaultValue, defaultValueDescription, mandatory }: Option): string {
  if (mandatory) return "needed";
  if (defaultValueDescription !== undefined) return defaultValueDescription;
  return defaultValue === undefined || defaultValue === false ? "" : `\`${String(defaultValue)}\``;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(new URL("../docs/cli.md", import.meta.url), cliDocs());
}
