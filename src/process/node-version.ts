/** The oldest Node.js that the worker is tested on: `engines` of package.json. */
export const OLDEST_NODE = "22.19.0";

/** Is that version, as `process.versions.node` gives it, older than the worker is tested on? */
export function isUntested(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
