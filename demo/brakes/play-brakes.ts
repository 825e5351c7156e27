import type { Paint } from "../paint.ts";
import type { Stage } from "../stage.ts";
import { type Ending, type Play, playAct } from "./act.ts";
import { failingImage } from "./failing-image.ts";
import { madDetector } from "./mad-detector.ts";
import { pauseInTheMiddle } from "./pause.ts";

const ACTS: readonly { readonly title: string; readonly play: Play }[] = [
  { title: "A detector gone mad", play: madDetector },
  { title: "An image that fails", play: failingImage },
  { title: "A pause in the middle of everything", play: pauseInTheMiddle },
];

/** Where nobody can be asked: a log. */
const LOG_COLUMNS = 120;

/**
 * The scenes about the brakes. They are played side by side, and shown one after the other. Answers what was not as it must
 * be, a sentence each.
 */
export async function playBrakes(
  stage: Stage,
  { stream, paint }: { readonly stream: NodeJS.WriteStream; readonly paint: Paint },
): Promise<readonly string[]> {
  const print = (line: string) => void stream.write(`${line}\n`);
  const acts = ACTS.map(({ title, play }, index) => {
    const early: string[] = [];
    let write = (line: string) => void early.push(line);
    const setting = {
      number: index + 1,
      paint,
      write: (line: string) => write(line),
      columns: stream.columns ?? LOG_COLUMNS,
    };
    const played = playAct(play, stage, setting).catch(
      (error: unknown): Ending => ({ failed: [`it ended early: ${messageOf(error)}`] }),
    );
    return {
      title,
      async show() {
        for (const line of early) print(line);
        write = print;
        return (await played).failed.map((what) => `${title}: ${what}`);
      },
    };
  });
  const failed: string[] = [];
  for (const act of acts) {
    print(`\n${paint("bold", `${act.title} (default brakes)`)}`);
    failed.push(...(await act.show()));
  }
  return failed;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
