/**
 * The few file operations that compilation needs, through `NSFileManager`: so `--allow-ffi` is permission enough.
 *
 * @module
 */
import { attempt, fromNSArray, fromNSString, toNSString } from "./_foundation.ts";
import type { Id, ObjectiveC } from "./_objc.ts";

/** A file inside a folder. */
export interface FileEntry {
  /** Path from the folder. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** `NSFileManager` with paths as text. Failures throw the framework's own words. */
export class Files {
  readonly #objc: ObjectiveC;
  readonly #manager: Id;

  constructor(objc: ObjectiveC) {
    this.#objc = objc;
    this.#manager = objc.get(objc.class("NSFileManager"), "defaultManager");
  }

  exists(path: string): boolean {
    return this.#objc.send(this.#manager, "fileExistsAtPath:", this.#string(path)) !== 0;
  }

  /** A path from the root; `..` and symbolic links stay as they are. */
  absolute(path: string): string {
    if (path.startsWith("/")) return path;
    return `${fromNSString(this.#objc, this.#objc.send(this.#manager, "currentDirectoryPath"))}/${path}`;
  }

  /** The user's folder for what can be made again: `~/Library/Caches` on macOS. */
  cachesFolder(): string {
    const [cachesDirectory, userDomain] = [13n, 1n];
    const url = attempt(this.#objc, "find the caches folder", (error) =>
      this.#objc.send(
        this.#manager,
        "URLForDirectory:inDomain:appropriateForURL:create:error:",
        cachesDirectory,
        userDomain,
        null,
        1,
        error,
      ));
    return fromNSString(this.#objc, this.#objc.send(url, "path"));
  }

  /** All that is below a folder; or the file itself, without a path. */
  list(path: string): FileEntry[] {
    const below = fromNSArray(
      this.#objc,
      this.#objc.send(this.#manager, "subpathsAtPath:", this.#string(path)),
    )
      .map((name) => fromNSString(this.#objc, name)).sort();
    if (below.length === 0) return [{ path: "", ...this.#attributes(path) }];
    return below.map((name) => ({ path: name, ...this.#attributes(`${path}/${name}`) }));
  }

  makeFolder(path: string): void {
    attempt(this.#objc, `make folder "${path}"`, (error) =>
      this.#objc.send(
        this.#manager,
        "createDirectoryAtPath:withIntermediateDirectories:attributes:error:",
        this.#string(path),
        1,
        null,
        error,
      ));
  }

  move(from: string, to: string): void {
    attempt(
      this.#objc,
      `move "${from}" to "${to}"`,
      (error) =>
        this.#objc.send(
          this.#manager,
          "moveItemAtPath:toPath:error:",
          this.#string(from),
          this.#string(to),
          error,
        ),
    );
  }

  remove(path: string): void {
    attempt(
      this.#objc,
      `remove "${path}"`,
      (error) => this.#objc.send(this.#manager, "removeItemAtPath:error:", this.#string(path), error),
    );
  }

  #attributes(path: string): { size: number; modified: number } {
    const attributes = attempt(
      this.#objc,
      `look at "${path}"`,
      (error) => this.#objc.send(this.#manager, "attributesOfItemAtPath:error:", this.#string(path), error),
    );
    return {
      size: Number(this.#objc.send(attributes, "fileSize")),
      modified: this.#objc.send(this.#objc.send(attributes, "fileModificationDate"), "timeIntervalSince1970"),
    };
  }

  #string(text: string): Id {
    return toNSString(this.#objc, text);
  }
}
