import type { BrakeSaid, CommandDetail, ServerDetail } from "../../contract/overview.ts";

/** What the brakes say of a command, in sentences. Of one that has joined another nothing is asked of them. */
export function brakesOf(
  { phase }: CommandDetail,
  brakes: readonly BrakeSaid[] | null,
): readonly string[] {
  if (brakes === null) return [NOT_KNOWN];
  if (phase !== "joined") return brakeLines(brakes);
  return brakes.every(({ verdict }) => verdict === "go")
    ? ["No brake is asked while it shares that reinstall, and none would hold it by itself now."]
    : [
        "No brake is asked while it shares that reinstall. By itself it would meet now:",
        ...brakeLines(brakes),
      ];
}

/** What a new command for a server would meet. One that shares the reinstall that runs makes none of its own. */
export function brakesOfNew({ lock, brakes }: ServerDetail): readonly string[] {
  if (brakes === null) return [NOT_KNOWN];
  const isReinstalled = lock?.operation === "reinstall" && lock.phase !== "unresolved";
  // Who may never start may not share a reinstall either; but the quarantine counts reinstalls, and sharing one is none.
  const isShared = brakes.every(({ brake, verdict }) => verdict !== "no" || brake === "quarantine");
  return isReinstalled && isShared
    ? [
        `A new command with the content of ${lock.owner} would join that one, and make no reinstall of its own.`,
        "Any other for it, without a group, would meet:",
        ...brakeLines(brakes),
      ]
    : ["A new command for it, without a group, would meet:", ...brakeLines(brakes)];
}

const NOT_KNOWN = "What the brakes say of it is not known.";

function brakeLines(brakes: readonly BrakeSaid[]): readonly string[] {
  const go = brakes
    .filter(({ verdict }) => verdict === "go")
    .map(({ brake, detail }) => (detail === null ? brake : `${brake} (${detail})`));
  return [
    ...brakes
      .filter(({ verdict }) => verdict !== "go")
      .map(({ brake, verdict, detail }) => `Brake ${brake} says ${verdict}: ${detail}.`),
    ...(go.length === 0 ? [] : [`Brakes that say go: ${go.join(", ")}.`]),
  ];
}
