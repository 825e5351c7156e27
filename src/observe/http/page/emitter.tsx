import type { CommandDetail } from "../../../contract/overview.ts";
import { Said } from "./pieces.tsx";

/** Who asked, and why. */
export function Emitter({
  of: { source, reason, group },
}: {
  readonly of: Pick<CommandDetail, "source" | "reason" | "group">;
}) {
  if (source === null && reason === null && group === null) return null;
  return (
    <p class="why">
      {source === null ? null : (
        <>
          from <Said text={source} />
        </>
      )}
      {group === null ? null : (
        <>
          {" "}
          · group <Said text={group} />
        </>
      )}
      {reason === null ? null : (
        <>
          {source === null && group === null ? "" : " · "}
          <Said text={cut(reason)} />
        </>
      )}
    </p>
  );
}

/** The whole of it stands on the command's page. */
export function cut(text: string): string {
  const characters = Array.from(text);
  return characters.length <= 160 ? text : `${characters.slice(0, 159).join("")}…`;
}
