/**
 * Forms with files, as `/v1/images/edits` takes them.
 *
 * @module
 */
import { refuse } from "./limits.ts";

/** Fields by their names; `name[]` and repeated names are lists. @throws {HTTPException} If it is no form. */
export async function fromForm(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const form = await request.formData().catch((cause: Error) => {
    if (cause instanceof TypeError) refuse("The body is no form, expected multipart/form-data.");
    throw cause;
  });
  const fields = new Map<string, FormDataEntryValue[]>();
  for (const [key, value] of form) {
    const name = key.replace(/\[\]$/, "");
    fields.set(name, [...fields.get(name) ?? [], value]);
  }
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length > 1 ? values : values[0]]),
  );
}
