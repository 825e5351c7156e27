import type { DependencyHealth } from "../../../contract/http.ts";
import { Frame, type FrameProps } from "./layout.tsx";
import { Ago, Detail, Said } from "./pieces.tsx";

export interface MessagePageProps extends Omit<FrameProps, "children"> {
  readonly sentences: readonly string[];
  /** Shown where they are the reason; null: they are not. */
  readonly dependencies: readonly DependencyHealth[] | null;
}

/** A page that has nothing to show, and says why. */
export function MessagePage({ sentences, dependencies, ...frame }: MessagePageProps) {
  return (
    <Frame {...frame}>
      <h1>{frame.title}</h1>
      <div class="sentences">
        {sentences.map((sentence) => (
          <p>
            <Said text={sentence} />
          </p>
        ))}
      </div>
      {dependencies === null ? null : (
        <dl class="facts">
          {dependencies.map(({ name, state, sinceMs, detail }) => (
            <>
              <dt>{name}</dt>
              <dd>
                {state}, for <Ago ms={sinceMs} nowMs={frame.nowMs} />
                <Detail text={detail} />
              </dd>
            </>
          ))}
        </dl>
      )}
    </Frame>
  );
}
