import { unescape } from "node:querystring";
import { credentials } from "amqplib";

/** The user that a broker's URL names; null: none. */
export function userOf(url: string): string | null {
  return unescape(new URL(url).username) || null;
}

/**
 * User and password of a broker's URL as the broker knows them. amqplib reads percent signs as Latin-1, which
 * makes `%C3%A9` two characters and a right password wrong.
 */
export function logIn(url: string) {
  const { username, password } = new URL(url);
  if (username === "" && password === "") return {};
  return { credentials: credentials.plain(unescape(username), unescape(password)) };
}
