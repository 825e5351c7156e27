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
