/** Text out of a file on its way to a terminal. */

/** Controls, and what turns the direction of writing or ends a line. */
const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** One line, in which nothing moves the cursor, rings, or writes backwards: such characters stand as `\u001b`. */
export function printable(text: string): string {
  return text.replaceAll(
    controls,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
