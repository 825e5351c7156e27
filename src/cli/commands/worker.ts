import { Command } from "commander";

/** `ecs-reinstall worker`: the same as `node dist/main.js`. */
export function workerCommand(): Command {
  return new Command("worker")
    .description("consume commands until SIGTERM, SIGINT or SIGHUP")
    .action(async () => {
      // Loaded here only: the other commands need neither Redis nor the cloud.
      const { main } = await import("../../main.ts");
      await main();
    });
}
