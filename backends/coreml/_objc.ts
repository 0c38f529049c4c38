/**
 * The Objective-C runtime through Deno's FFI: classes, messages, pools and ownership.
 *
 * One rule of ownership holds in all of the bridge: **inside a pool everything is borrowed.** What a message
 * returns, and what {@linkcode ObjectiveC.make} makes, lives until the innermost pool ends; what must live longer
 * is retained, and released by whoever retained it. Pools belong to their thread and end in the order in which
 * they began, so the body of a pool is synchronous.
 *
 * @module
 */
import type { Frameworks } from "./_frameworks.ts";
import { type Arguments, messages, type Result, type Selector, type Signature } from "./_messages.ts";

/** An object or a class; never nil. */
export type Id = Deno.PointerObject;

const runtime = {
  objc_getClass: { parameters: ["buffer"], result: "pointer" },
  sel_registerName: { parameters: ["buffer"], result: "pointer" },
  objc_retain: { parameters: ["pointer"], result: "pointer" },
  objc_release: { parameters: ["pointer"], result: "void" },
  objc_autorelease: { parameters: ["pointer"], result: "pointer" },
  objc_autoreleasePoolPush: { parameters: [], result: "pointer" },
  objc_autoreleasePoolPop: { parameters: ["pointer"], result: "void" },
} as const;

/** The runtime with its libraries open. */
export class ObjectiveC implements Disposable {
  readonly #libraries: readonly { close(): void }[];
  readonly #runtime: Deno.DynamicLibrary<typeof runtime>["symbols"];
  readonly #send: SendFunctions;
  readonly #selectors = new Map<Selector, Id>();
  readonly #classes = new Map<string, Id>();

  /** @throws {Error} If a library or a symbol is not there. */
  constructor(frameworks: Frameworks) {
    const objc = Deno.dlopen(frameworks.objc, runtime);
    const send = Deno.dlopen(frameworks.objc, sendFunctions());
    const classes = [frameworks.foundation, frameworks.coreml].map((path) => Deno.dlopen(path, {}));
    this.#libraries = [objc, send, ...classes];
    this.#runtime = objc.symbols;
    this.#send = send.symbols as unknown as SendFunctions;
  }

  /** Closes our handles of the libraries. Their classes stay loaded: Objective-C cannot unload any. */
  [Symbol.dispose](): void {
    for (const library of this.#libraries) library.close();
  }

  /**
   * A class by its name.
   *
   * @throws {Error} If no open library has it.
   */
  class(name: string): Id {
    let found = this.#classes.get(name) ?? null;
    if (found === null) {
      found = this.#runtime.objc_getClass(cString(name));
      if (found === null) throw new Error(`Cannot use Objective-C class ${name}: no open library has it.`);
      this.#classes.set(name, found);
    }
    return found;
  }

  /** Sends a message. As in Objective-C, a message to nil does nothing and gives nil or 0. */
  send<S extends Selector>(receiver: Deno.PointerValue, selector: S, ...values: Arguments<S>): Result<S> {
    return this.#send[selector](receiver, this.#selector(selector), ...values);
  }

  /** Sends a message whose result cannot be nil. */
  get<S extends PointerSelector>(receiver: Deno.PointerValue, selector: S, ...values: Arguments<S>): Id {
    const result = this.send(receiver, selector, ...values) as Deno.PointerValue;
    if (result === null) {
      throw new Error(`Cannot go on: Objective-C message "${selector}" gave nil, expected an object.`);
    }
    return result;
  }

  /** `[[name alloc] init…]`, borrowed from the pool. An initialiser that fails gives nil. */
  make<S extends InitSelector>(name: string, selector: S, ...values: Arguments<S>): Deno.PointerValue {
    const allocated = this.send(this.class(name), "alloc");
    return this.#runtime.objc_autorelease(this.send(allocated, selector, ...values) as Deno.PointerValue);
  }

  /** Runs a body in an autorelease pool of this thread. */
  pool<T>(body: () => T extends PromiseLike<unknown> ? never : T): T {
    const pool = this.#runtime.objc_autoreleasePoolPush();
    try {
      return body();
    } finally {
      this.#runtime.objc_autoreleasePoolPop(pool);
    }
  }

  /** Keeps an object beyond its pool. */
  retain(object: Id): Id {
    return this.#runtime.objc_retain(object)!;
  }

  /** Gives up what {@linkcode retain} kept. */
  release(object: Id): void {
    this.#runtime.objc_release(object);
  }

  #selector(name: Selector): Id {
    let selector = this.#selectors.get(name);
    if (selector === undefined) {
      selector = this.#runtime.sel_registerName(cString(name))!;
      this.#selectors.set(name, selector);
    }
    return selector;
  }
}

/** Selectors whose result is a pointer. */
type PointerSelector = {
  [S in Selector]: (typeof messages)[S]["gives"] extends "pointer" ? S : never;
}[Selector];

/** Selectors of initialisers. */
type InitSelector = Extract<Selector, `init${string}`>;

/** `objc_msgSend` as each method wants to be called. */
type SendFunctions = {
  readonly [S in Selector]: (receiver: Deno.PointerValue, selector: Id, ...values: Arguments<S>) => Result<S>;
};

/** Text as C wants it, ended by a zero. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** One foreign function a selector, all of them `objc_msgSend`. */
function sendFunctions(): Record<string, Deno.ForeignFunction> {
  return Object.fromEntries(
    Object.entries<Signature>(messages).map(([selector, { takes, gives }]) => [
      selector,
      { name: "objc_msgSend", parameters: ["pointer", "pointer", ...takes], result: gives },
    ]),
  );
}
