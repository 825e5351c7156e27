import type { Clock } from "../../steps/ports/clock.ts";
import type { AuditTrail } from "../../steps/ports/audit-trail.ts";
import { keysOf } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { publishedAuditScript } from "./scripts/operator/published-audit.ts";
import { takeAuditScript } from "./scripts/operator/take-audit.ts";

/** So many entries are published in one turn. */
const MOST = 100;

/** The lists of what people did by hand, on Redis. */
export function createAuditTrail(
  scripts: Pick<ScriptRunner, "run">,
  clock: Pick<Clock, "nonce">,
): AuditTrail {
  return {
    async take(project, leaseMs) {
      const k = keysOf(project);
      const lease = clock.nonce();
      const answer = await scripts.run(
        takeAuditScript,
        { audit: k.audit, published: k.auditPublished, lease: k.auditLease },
        { lease, leaseMs, most: MOST },
      );
      return answer.kind === "taken" ? { ...answer, lease } : answer;
    },
    published(project, { after, lease }, upTo) {
      const k = keysOf(project);
      const keys = { published: k.auditPublished, lease: k.auditLease };
      return scripts.run(publishedAuditScript, keys, { lease, after, upTo });
    },
  };
}
