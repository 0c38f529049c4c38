/** What the system says of a file, without the names of its calls. */

/** `ENOENT: no such file or directory, open 'a.png'` is "no such file or directory". */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^[A-Z]+: (.*?)(?:, \w+(?: ['"].*)?)?$/s, "$1").replace(
    / \(os error \d+\)$|\.$/,
    "",
  );
}
