import { styleText } from "node:util";

export type Colour = "green" | "red" | "yellow" | "cyan" | "bold" | "dim";
export type Paint = (colour: Colour, text: string) => string;

/** Colours on a terminal that wants them; the bare text elsewhere (https://no-color.org). */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const wanted = stream.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  return wanted ? (colour, text) => styleText(colour, text) : (_colour, text) => text;
}

/** The colour of an outcome or a state: how it went, at a glance. */
export function colourOf(state: string): Colour {
  if (state.startsWith("succeeded")) return "green";
  if (/^(failed|unresolved)/.test(state)) return "red";
  if (/^(rejected|expired|superseded|planned|cancelled)/.test(state)) return "cyan";
  return /^(waiting|joined|stopping|reconcil|no answer)/.test(state) ? "yellow" : "dim";
}
