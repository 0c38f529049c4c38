/**
 * Where the shared libraries are that the bridge opens.
 *
 * @module
 */

/** Paths of the three libraries. A test rig puts its own in their place; the rest of the bridge stays the same. */
export interface Frameworks {
  /** The Objective-C runtime. */
  readonly objc: string;
  /** Foundation. */
  readonly foundation: string;
  /** Core ML, whose classes the runtime finds by name once it is open. */
  readonly coreml: string;
}

/** Apple's own. None of them is a file: the dynamic linker has them in its shared cache. */
export const appleFrameworks: Frameworks = {
  objc: "/usr/lib/libobjc.A.dylib",
  foundation: "/System/Library/Frameworks/Foundation.framework/Foundation",
  coreml: "/System/Library/Frameworks/CoreML.framework/CoreML",
};
