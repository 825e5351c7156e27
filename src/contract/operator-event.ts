import { z } from "zod";
import { instant, open, text } from "./event-members.ts";
import { OPERATOR_ACTIONS } from "./operator-actions.ts";

/** One action of a person, as an event: CloudEvents 1.0, structured JSON, on the routing key `operator.<action>`. Holds no secret. */
export const OperatorEvent = z.object({
  specversion: z.literal("1.0"),
  id: text("`operator/<id of the action>`; a repeat has the same id and the same bytes"),
  source: text("`/ecs-reinstall-worker/<region>/<project_id>`"),
  type: open(
    OPERATOR_ACTIONS.map((action) => `ecs.reinstall.operator.${action}.v1`),
    "`ecs.reinstall.operator.<action>.v1`",
  ),
  subject: text("the server id, where the action is about one server").optional(),
  time: instant("when it was done, by the clock of Redis"),
  datacontenttype: z.literal("application/json"),
  data: z.object({
    action: open(OPERATOR_ACTIONS, "what was done"),
    project_id: text("lower case"),
    by: text("who did it, as that person says"),
    reason: text("why"),
    command_id: text("the command that it is about").optional(),
    server_id: text("the server that it is about; lower case").optional(),
    scope: open(
      ["everything", "project", "storm-failures", "storm-asks"],
      "of `pause` and `resume`: what it covers, `group:<name>` and `server:<id>` too, or the storm that it ends",
    ).optional(),
    until: instant("of `resume` with `--for`: until then that storm does not begin").optional(),
    as: open(
      ["reinstalled", "not-reinstalled"],
      "of `resolve`: what the person says became of it",
    ).optional(),
    dead_letters: z
      .int()
      .min(1)
      .describe("of `dead-drop` and `dead-return`: of how many dead letters")
      .optional(),
  }),
});
export type OperatorEvent = z.infer<typeof OperatorEvent>;
