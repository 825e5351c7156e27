import { userInfo } from "node:os";

/** Who runs the command line, where nobody says it. */
export function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no user has.
    return "unknown";
  }
}
