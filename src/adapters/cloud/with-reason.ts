/** With what the cloud, or the way to it, said last. */
export function withReason(cause: string, why: string | null): string {
  return why === null || why === "" ? cause : `${cause} (${why})`;
}
