/** What Redis or its client says of a failure and only their authors understand, and the same for people. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  // Where in a script: nobody who reads it has the script at hand.
  [/ script: [0-9a-f]{40}, on @user_script: ?\d+\.?$/, ""],
  [/^ERR Error running script \(call to f_[0-9a-f]{40}\): (@user_script: ?\d+: )+-?/, ""],
  [/^NOAUTH .*/s, "it asks for a password, and none is given (NOAUTH)"],
  [/^Stream isn't writeable and enableOfflineQueue options is false$/, "the connection is closed"],
];

/** A failure of Redis or of the way there, for people. */
export function inWords(message: string): string {
  return WORDS.reduce((text, [pattern, words]) => text.replace(pattern, words), message);
}

const CLOSED = /^(Connection is closed\.|Command timed out|Stream isn't writeable)/;

/** Of what the client throws: what Redis refused, with command and key, or that it is gone. Null: it is no such thing. */
export function refusalInWords(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (CLOSED.test(error.message))
    return `Redis does not answer any more: ${inWords(error.message)}`;
  if (error.name !== "ReplyError") return null;
  const { command } = error as { readonly command?: { name?: string; args?: readonly unknown[] } };
  const [key] = command?.args ?? [];
  const asked = command?.name === undefined ? "" : ` ${command.name} of ${String(key)}`;
  const what = error.message.startsWith("WRONGTYPE")
    ? "that key holds what no worker wrote (docs/runbooks/EcsReinstallStepErrors.md)"
    : inWords(error.message);
  return `Redis refuses${asked}: ${what}`;
}
