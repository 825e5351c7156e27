import { asError } from "../../thrown.ts";
import type { Examined } from "./examined.ts";
import { ask } from "./question.ts";
import { brokerFeatures } from "../topology/queue-facts.ts";

/** Does the broker prove who sent a message? Only such a `user_id` may decide what a sender is allowed. */
export async function tagFindings(examined: Examined): Promise<void> {
  const { settings, found, user } = examined;
  const check = "senders are proven";
  if (await mayImpersonate(examined)) {
    const todo = `Take the tag impersonator from user '${user}': it may publish under any name.`;
    found.warning(check, `user '${user}' has the tag impersonator`, todo);
  } else found.ok(check, `user '${user}' cannot publish under another name`);

  const { management, rpcTimeoutMs } = settings;
  if (management === undefined) return;
  try {
    const { tags, federated } = await brokerFeatures({ management, rpcTimeoutMs });
    if (federated) {
      const todo =
        "Do not federate the commands exchange or queue: what arrives that way has no proven sender.";
      found.warning(
        "federation",
        "the federation plugin is on: it clears the user_id of messages",
        todo,
      );
    } else found.ok("federation", "off");
    if (tags.includes("administrator")) {
      const todo = "Give the worker a user of its own, with the tag management alone.";
      found.warning("tags of the user", `administrator: more than the worker needs`, todo);
    } else found.ok("tags of the user", tags.length === 0 ? "none" : tags.join(", "));
  } catch (error) {
    const todo = "Check AMQP_MANAGEMENT_URL and its user.";
    found.warning("federation", `could not be asked: ${asError(error).message}`, todo);
  }
}

/** May this user publish under another user's name? Then `user_id` proves nothing of its messages. */
async function mayImpersonate({ model, settings }: Examined): Promise<boolean> {
  const nowhere = `${settings.names.workQueue}.probe`;
  const reply = await ask(
    model,
    async (channel) => {
      channel.publish("", nowhere, Buffer.alloc(0), { userId: "ecs-reinstall-nobody" });
      await channel.waitForConfirms();
    },
    settings.rpcTimeoutMs,
  );
  return reply.kind === "yes";
}
