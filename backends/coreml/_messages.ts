/**
 * Every Objective-C message that the bridge sends, with its C signature.
 *
 * `objc_msgSend` is not variadic: it must be called as if it were the method itself. So each selector gets a
 * foreign function of its own, all under the one symbol, with exactly the types that Apple's headers declare
 * after `(id self, SEL _cmd)`. A test compares this table with the type encodings of the loaded classes.
 *
 * @module
 */

/**
 * The C types in use.
 *
 * - `pointer` is an `id`, or memory of theirs; `buffer` is memory of ours, borrowed for the call at least.
 * - `u8` is `BOOL`: `bool` on arm64, `signed char` on x86-64. A 0 or 1, zero-extended, is right as both.
 * - `i64` is `NSInteger`, `long long` and every `NS_ENUM`; `u64` is `NSUInteger`; `f64` is `NSTimeInterval`.
 */
type CType = "pointer" | "buffer" | "u8" | "i64" | "u64" | "f64" | "void";

/** A method: its class, `+` for a class method; its parameters after receiver and selector; its result. */
export interface Signature {
  readonly of: `${"+" | "-"}${string}`;
  readonly takes: readonly Exclude<CType, "void">[];
  readonly gives: CType;
}

/** Selector to signature. `NSError **` is a buffer of one pointer. */
export const messages = {
  "alloc": { of: "+NSObject", takes: [], gives: "pointer" },
  "init": { of: "-NSObject", takes: [], gives: "pointer" },

  "stringWithUTF8String:": { of: "+NSString", takes: ["buffer"], gives: "pointer" },
  "UTF8String": { of: "-NSString", takes: [], gives: "pointer" },
  "numberWithLongLong:": { of: "+NSNumber", takes: ["i64"], gives: "pointer" },
  "longLongValue": { of: "-NSNumber", takes: [], gives: "i64" },
  "arrayWithObjects:count:": { of: "+NSArray", takes: ["buffer", "u64"], gives: "pointer" },
  "count": { of: "-NSArray", takes: [], gives: "u64" },
  "objectAtIndex:": { of: "-NSArray", takes: ["u64"], gives: "pointer" },
  "dictionaryWithObjects:forKeys:count:": {
    of: "+NSDictionary",
    takes: ["buffer", "buffer", "u64"],
    gives: "pointer",
  },
  "allKeys": { of: "-NSDictionary", takes: [], gives: "pointer" },
  "objectForKey:": { of: "-NSDictionary", takes: ["pointer"], gives: "pointer" },
  "fileURLWithPath:": { of: "+NSURL", takes: ["pointer"], gives: "pointer" },
  "path": { of: "-NSURL", takes: [], gives: "pointer" },
  "localizedDescription": { of: "-NSError", takes: [], gives: "pointer" },
  "domain": { of: "-NSError", takes: [], gives: "pointer" },
  "code": { of: "-NSError", takes: [], gives: "i64" },

  "defaultManager": { of: "+NSFileManager", takes: [], gives: "pointer" },
  "currentDirectoryPath": { of: "-NSFileManager", takes: [], gives: "pointer" },
  "URLForDirectory:inDomain:appropriateForURL:create:error:": {
    of: "-NSFileManager",
    takes: ["u64", "u64", "pointer", "u8", "buffer"],
    gives: "pointer",
  },
  "fileExistsAtPath:": { of: "-NSFileManager", takes: ["pointer"], gives: "u8" },
  "subpathsAtPath:": { of: "-NSFileManager", takes: ["pointer"], gives: "pointer" },
  "attributesOfItemAtPath:error:": { of: "-NSFileManager", takes: ["pointer", "buffer"], gives: "pointer" },
  "createDirectoryAtPath:withIntermediateDirectories:attributes:error:": {
    of: "-NSFileManager",
    takes: ["pointer", "u8", "pointer", "buffer"],
    gives: "u8",
  },
  "moveItemAtPath:toPath:error:": {
    of: "-NSFileManager",
    takes: ["pointer", "pointer", "buffer"],
    gives: "u8",
  },
  "removeItemAtPath:error:": { of: "-NSFileManager", takes: ["pointer", "buffer"], gives: "u8" },
  "fileSize": { of: "-NSDictionary", takes: [], gives: "u64" },
  "fileModificationDate": { of: "-NSDictionary", takes: [], gives: "pointer" },
  "timeIntervalSince1970": { of: "-NSDate", takes: [], gives: "f64" },

  "setComputeUnits:": { of: "-MLModelConfiguration", takes: ["i64"], gives: "void" },
  "compileModelAtURL:error:": { of: "+MLModel", takes: ["pointer", "buffer"], gives: "pointer" },
  "modelWithContentsOfURL:configuration:error:": {
    of: "+MLModel",
    takes: ["pointer", "pointer", "buffer"],
    gives: "pointer",
  },
  "modelDescription": { of: "-MLModel", takes: [], gives: "pointer" },
  "predictionFromFeatures:error:": { of: "-MLModel", takes: ["pointer", "buffer"], gives: "pointer" },
  "inputDescriptionsByName": { of: "-MLModelDescription", takes: [], gives: "pointer" },
  "outputDescriptionsByName": { of: "-MLModelDescription", takes: [], gives: "pointer" },
  "multiArrayConstraint": { of: "-MLFeatureDescription", takes: [], gives: "pointer" },
  "shapeConstraint": { of: "-MLMultiArrayConstraint", takes: [], gives: "pointer" },
  "type": { of: "-MLMultiArrayShapeConstraint", takes: [], gives: "i64" },
  "enumeratedShapes": { of: "-MLMultiArrayShapeConstraint", takes: [], gives: "pointer" },
  "initWithDataPointer:shape:dataType:strides:deallocator:error:": {
    of: "-MLMultiArray",
    takes: ["buffer", "pointer", "i64", "pointer", "pointer", "buffer"],
    gives: "pointer",
  },
  "dataPointer": { of: "-MLMultiArray", takes: [], gives: "pointer" },
  "dataType": { of: "-MLMultiArray", takes: [], gives: "i64" },
  "shape": { of: "-MLMultiArray", takes: [], gives: "pointer" },
  "strides": { of: "-MLMultiArray", takes: [], gives: "pointer" },
  "featureValueWithMultiArray:": { of: "+MLFeatureValue", takes: ["pointer"], gives: "pointer" },
  "multiArrayValue": { of: "-MLFeatureValue", takes: [], gives: "pointer" },
  "initWithDictionary:error:": {
    of: "-MLDictionaryFeatureProvider",
    takes: ["pointer", "buffer"],
    gives: "pointer",
  },
  "featureValueForName:": { of: "-MLDictionaryFeatureProvider", takes: ["pointer"], gives: "pointer" },
} as const;

/** A selector of the table. */
export type Selector = keyof typeof messages;

/** What TypeScript passes for a C type, and what it gets back. */
interface Values {
  readonly pointer: Deno.PointerValue;
  readonly buffer: BufferSource;
  readonly u8: number;
  readonly i64: bigint;
  readonly u64: bigint;
  readonly f64: number;
  readonly void: void;
}

/** The arguments of a message. */
export type Arguments<S extends Selector> = ValuesOf<(typeof messages)[S]["takes"]>;

/** The result of a message. */
export type Result<S extends Selector> = Values[(typeof messages)[S]["gives"]];

type ValuesOf<Types extends readonly CType[]> = { [Index in keyof Types]: Values[Types[Index]] };
