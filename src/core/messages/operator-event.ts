import type { AuditEntry } from "../../contract/audit.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { OperatorEvent } from "../../contract/operator-event.ts";

/** An entry of the list of actions in its public form: made of the entry alone, so that a repeat has the same bytes. */
export function toOperatorEvent(
  region: string,
  project: ProjectId,
  entry: AuditEntry,
): OperatorEvent {
  const { id, at, action, by, reason, command, server, scope, as, count, forMs } = entry;
  return {
    specversion: "1.0",
    id: `operator/${id}`,
    source: `/ecs-reinstall-worker/${region}/${project}`,
    type: `ecs.reinstall.operator.${action}.v1`,
    ...(server === undefined ? {} : { subject: server }),
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: {
      action,
      project_id: project,
      by,
      reason,
      ...(command === undefined ? {} : { command_id: command }),
      ...(server === undefined ? {} : { server_id: server }),
      ...(scope === undefined ? {} : { scope }),
      ...(forMs === undefined ? {} : { until: new Date(at + forMs).toISOString() }),
      ...(as === undefined ? {} : { as }),
      ...(count === undefined ? {} : { dead_letters: count }),
    },
  };
}
