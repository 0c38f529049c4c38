/**
 * Foundation's values and ours. What is made here is borrowed from the pool, see `_objc.ts`.
 *
 * @module
 */
import { cString, type Id, type ObjectiveC } from "./_objc.ts";

/** Text to `NSString`. */
export function toNSString(objc: ObjectiveC, text: string): Id {
  return objc.get(objc.class("NSString"), "stringWithUTF8String:", cString(text));
}

/** `NSString` to text; nil is empty. */
export function fromNSString(objc: ObjectiveC, string: Deno.PointerValue): string {
  const bytes = objc.send(string, "UTF8String");
  return bytes === null ? "" : Deno.UnsafePointerView.getCString(bytes);
}

/** Path to a file `NSURL`. */
export function toFileURL(objc: ObjectiveC, path: string): Id {
  return objc.get(objc.class("NSURL"), "fileURLWithPath:", toNSString(objc, path));
}

/** Objects to `NSArray`. */
export function toNSArray(objc: ObjectiveC, objects: readonly Id[]): Id {
  return objc.get(
    objc.class("NSArray"),
    "arrayWithObjects:count:",
    pointers(objects),
    BigInt(objects.length),
  );
}

/** `NSArray` to its objects. */
export function fromNSArray(objc: ObjectiveC, array: Deno.PointerValue): Id[] {
  const count = Number(objc.send(array, "count"));
  return Array.from({ length: count }, (_, index) => objc.get(array, "objectAtIndex:", BigInt(index)));
}

/** Whole numbers to an `NSArray` of `NSNumber`, as shapes and strides are. */
export function toNSNumbers(objc: ObjectiveC, numbers: readonly number[]): Id {
  const boxes = numbers.map((number) =>
    objc.get(objc.class("NSNumber"), "numberWithLongLong:", BigInt(number))
  );
  return toNSArray(objc, boxes);
}

/** An `NSArray` of `NSNumber` to whole numbers. */
export function fromNSNumbers(objc: ObjectiveC, array: Deno.PointerValue): number[] {
  return fromNSArray(objc, array).map((number) => Number(objc.send(number, "longLongValue")));
}

/** Objects by name to `NSDictionary`. */
export function toNSDictionary(objc: ObjectiveC, entries: ReadonlyMap<string, Id>): Id {
  const keys = [...entries.keys()].map((key) => toNSString(objc, key));
  return objc.get(
    objc.class("NSDictionary"),
    "dictionaryWithObjects:forKeys:count:",
    pointers([...entries.values()]),
    pointers(keys),
    BigInt(entries.size),
  );
}

/** An `NSDictionary` with `NSString` keys to its objects, sorted by name. */
export function fromNSDictionary(objc: ObjectiveC, dictionary: Deno.PointerValue): Map<string, Id> {
  const entries = fromNSArray(objc, objc.send(dictionary, "allKeys")).map((key): [string, Id] => [
    fromNSString(objc, key),
    objc.get(dictionary, "objectForKey:", key),
  ]);
  return new Map(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * Calls a method whose last parameter is `NSError **`, and gives its result.
 *
 * @throws If the result is nil or NO: a `Failure` that says what could not be done, in the NSError's own words.
 */
export function attempt<T extends Deno.PointerValue | number>(
  objc: ObjectiveC,
  action: string,
  call: (error: BigUint64Array<ArrayBuffer>) => T,
  Failure: new (message: string) => Error = Error,
): NonNullable<T> {
  const slot = new BigUint64Array(1);
  const result = call(slot);
  if (result !== null && result !== 0) return result;
  throw new Failure(`Cannot ${action}: ${describeError(objc, Deno.UnsafePointer.create(slot[0]!))}`);
}

function describeError(objc: ObjectiveC, error: Deno.PointerValue): string {
  if (error === null) return "the framework gave no reason.";
  const words = fromNSString(objc, objc.send(error, "localizedDescription")).replace(/\.?$/, "");
  return `${words} (${fromNSString(objc, objc.send(error, "domain"))}, code ${objc.send(error, "code")}).`;
}

/** Objects as a C array of `id`. */
function pointers(objects: readonly Id[]): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.from(objects, (object) => Deno.UnsafePointer.value(object));
}
