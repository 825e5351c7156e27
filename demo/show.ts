import { askAround } from "./ask-around.ts";
import { type Account, createChronicle } from "./chronicle.ts";
import { createEmitter } from "./emitter.ts";
import { readEvents } from "./events.ts";
import { createLiveView } from "./live-view.ts";
import type { Paint } from "./paint.ts";
import { startPlay } from "./play.ts";
import type { Stage } from "./stage.ts";
import { CAST, SCENES } from "./story.ts";

const ASK_EVERY_MS = 300;

/** Plays the whole story in front of the audience; answers what became of each command. */
export async function show(
  stage: Stage,
  audience: {
    readonly stream: NodeJS.WriteStream;
    readonly paint: Paint;
    readonly signal: AbortSignal;
  },
): Promise<readonly Account[]> {
  const { stream, paint, signal } = audience;
  const startedMs = performance.now();
  const nowMs = () => performance.now() - startedMs;
  const chronicle = createChronicle(SCENES);
  const { url } = stage.rabbitMq;

  const title = `The story: ${SCENES.length} commands for ${CAST.length} servers`;
  stream.write(`\n${paint("bold", title)}\n`);
  const workers = () => stage.workers;
  const view = createLiveView({ stream, paint, chronicle, workers, nowMs });
  const asking = setInterval(
    () =>
      void askAround(chronicle, stage.workers, nowMs(), (commandId, state) =>
        view.noted(commandId, state),
      ),
    ASK_EVERY_MS,
  );
  const emitter = await createEmitter(url, Date.now());
  let cue: (commandId: string, event: string) => void = () => undefined;
  const reader = await readEvents(url, (event) => {
    if (chronicle.heard(event, nowMs())) view.heard(event);
    cue(event.data.command_id, event.data.event);
  });
  try {
    const play = startPlay({
      stage,
      scenes: SCENES,
      emitter,
      isOver: () => chronicle.isOver(),
      onSent(scene) {
        chronicle.sent(scene.commandId, nowMs());
        view.sent(scene);
      },
      note: (text) => view.note(text),
    });
    cue = play.cue;
    await play.ended(signal);
  } finally {
    clearInterval(asking);
    view.stop();
    await Promise.all([reader.stop(), emitter.stop()]);
  }
  return chronicle.accounts();
}
