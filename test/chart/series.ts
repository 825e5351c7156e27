/*
 * What Prometheus has of a worker, for promtool: names without `ecs_reinstall_` and without the target's labels.
 */

export const PROJECT = "0123456789abcdef0123456789abcdef";
export const OPEN = `open_commands{project="${PROJECT}"}`;
export const OVERDUE = `locks_overdue{project="${PROJECT}"}`;
export const UNRESOLVED = `unresolved_total{project="${PROJECT}"}`;
export const paused = (project = PROJECT) => `paused{project="${project}"}`;
export const LEFT_OFF = `servers_left_off_total{project="${PROJECT}"}`;
export const NOT_READY = `not_ready_total{project="${PROJECT}"}`;
export const STORM = `brake{brake="storm-failures",project="${PROJECT}"}`;
export const STORM_ASKS = `brake{brake="storm-asks",project="${PROJECT}"}`;
export const slots = (state: string) => `slots{project="${PROJECT}",state="${state}"}`;
export const locks = (holder: string) => `locks{holder="${holder}",project="${PROJECT}"}`;
export const oldestLock = (holder: string) =>
  `oldest_lock_age_seconds{holder="${holder}",project="${PROJECT}"}`;
export const age = (phase: string) =>
  `oldest_command_age_seconds{phase="${phase}",project="${PROJECT}"}`;
export const ended = (outcome: string) =>
  `commands_total{outcome="${outcome}",project="${PROJECT}"}`;

/** Requests for a project that were refused with 401. */
export const unauthenticated = (project = PROJECT) =>
  `cloud_requests_total{operation="look",outcome="unauthenticated",project="${project}"}`;

export const judged = (verdict: string, project = PROJECT) =>
  `ends_total{verdict="${verdict}",project="${project}"}`;
export const recovered = (le: string) =>
  `recovery_seconds_${le === "+Inf" ? "count" : "bucket"}{project="${PROJECT}",source="other"${le === "+Inf" ? "" : `,le="${le}"`}}`;

/** One sample a minute. `0+1x60` counts up by one a minute; `0x60` stays; `_` is no sample. */
export type Series = Readonly<Record<string, string>>;

/** Two hours and more of a worker that has something to do. */
export const HEALTHY: Series = {
  'build_info{version="1",node="v24"}': "1x400",
  'dependency_up{dependency="rabbitmq"}': "1x400",
  'dependency_up{dependency="redis"}': "1x400",
  'dependency_up{dependency="cloud"}': "1x400",
  [OPEN]: "3x400",
  [paused()]: "0x400",
  [STORM]: "0x400",
  [STORM_ASKS]: "0x400",
  [LEFT_OFF]: "0x400",
  [NOT_READY]: "0x400",
  [slots("taken")]: "2x400",
  [slots("cap")]: "10x400",
  [slots("waiting")]: "0x400",
  // A neighbour's is older than any reinstall, and is nobody's business.
  [locks("reinstall")]: "2x400",
  [locks("unresolved")]: "0x400",
  [locks("other-service")]: "1x400",
  [OVERDUE]: "0x400",
  [oldestLock("reinstall")]: "300x400",
  [oldestLock("unresolved")]: "0x400",
  [oldestLock("other-service")]: "90000x400",
  [age("waiting")]: "1800x400",
  [age("watch")]: "90x400",
  'message_overdue_seconds{rung="0"}': "0x400",
  'message_overdue_seconds{rung="10000"}': "0x400",
  // Nine of ten within ten seconds.
  'queue_delay_seconds_bucket{le="10"}': "0+9x400",
  'queue_delay_seconds_bucket{le="300"}': "0+10x400",
  'queue_delay_seconds_bucket{le="+Inf"}': "0+10x400",
  'steps_total{phase="watch",result="next"}': "0+6x400",
  'deliveries_total{queue="work",disposition="ack"}': "0+6x400",
  'in_flight{queue="work"}': "1x400",
  [UNRESOLVED]: "0x400",
  [ended("succeeded")]: "0+1x400",
  [ended("failed")]: "0x400",
  [ended("unresolved")]: "0x400",
  [judged("good")]: "0+1x400",
  [judged("bad")]: "0x400",
  // All within fifteen minutes.
  [recovered("900")]: "0+1x400",
  [recovered("+Inf")]: "0+1x400",
  'publishes_total{kind="step",result="confirmed"}': "0+6x400",
  'cloud_requests_total{operation="look",outcome="ok"}': "0+30x400",
  'cloud_requests_total{operation="look",outcome="throttled"}': "0+1x400",
  'cloud_errors_total{operation="look",code="APIGW.0308"}': "0+1x400",
  'breaker_state{breaker="ecs"}': "0x400",
  'breaker_state{breaker="auth"}': "0x400",
  clock_offset_seconds: "-1x400",
  'evidence_samples{disk="replaced"}': "0+1x400",
  'evidence_samples{disk="kept"}': "0x400",
  'swept_total{result="revived"}': "0x400",
  'disk_ages_total{answer="seen"}': "0+1x400",
  'disk_ages_total{answer="unreadable"}': "0+1x400",
  'disk_ages_total{answer="in-future"}': "0x400",
  'epoch_changes_total{cause="first"}': "1x400",
  'epoch_changes_total{cause="restarted"}': "0x400",
  'epoch_changes_total{cause="emptied"}': "0x400",
};

/** The series of another pod. */
export function relabelled(series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, values]) => [
      name.includes("{") ? name.replace("{", '{pod="new",') : `${name}{pod="new"}`,
      values,
    ]),
  );
}
