/**
 * A model's repository on a hub, by the three requests that are needed of Hugging Face's HTTP interface.
 *
 * Not `@huggingface/hub`: it neither resumes nor checks what it downloads, does not wait when it is asked to, writes
 * to the console, and brings 12 MB.
 */
import { attempt, PassingError } from "./_attempts.ts";
import { HubError, type HubErrorReason } from "./hub_error.ts";
import type { RemoteFile } from "./_store.ts";
import type { Range } from "./_transfer.ts";

/** Where a repository is and who asks. */
export interface RepositoryOptions {
  readonly baseUrl: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** How often a failure that may pass is tried again. */
  readonly retries: number;
  /** Milliseconds without a byte after which a line counts as broken. */
  readonly patience: number;
}

/** A repository at a hub. */
export class Repository {
  readonly #model: string;
  readonly #options: RepositoryOptions;

  constructor(model: string, options: RepositoryOptions) {
    this.#model = model;
    this.#options = { ...options, baseUrl: options.baseUrl.replace(/\/+$/, "") };
  }

  /** The commit that a branch, tag or commit stands for. */
  async commit(revision: string): Promise<string> {
    const path = `api/models/${this.#model}/revision/${encodeURIComponent(revision)}`;
    const [answer] = await this.#json(path);
    const { sha } = answer as { sha?: unknown };
    if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return sha;
    throw this.#error("network", `the hub gives no commit for "${revision}"`);
  }

  /** All files of a commit whose description is understood; the others are nobody's who does not need them. */
  async files(commit: string): Promise<RemoteFile[]> {
    const files: RemoteFile[] = [];
    const seen = new Set<string>();
    let page: string | undefined = `api/models/${this.#model}/tree/${commit}?recursive=true`;
    while (page !== undefined && !seen.has(page)) {
      seen.add(page);
      const [entries, headers]: [unknown, Headers] = await this.#json(page);
      if (!Array.isArray(entries)) throw this.#error("network", "the hub's list of files is not one");
      for (const entry of entries) if (entry?.type === "file") files.push(...remoteFile(entry));
      page = headers.get("link")?.match(/<([^>]+)>;\s*rel="next"/)?.[1];
    }
    return files;
  }

  /** The bytes of a file from `offset` on, or from its beginning where the hub knows no ranges. */
  async open(commit: string, path: string, offset: number): Promise<Range> {
    const place = path.split("/").map(encodeURIComponent).join("/");
    const url = `${this.#model}/resolve/${commit}/${place}`;
    const response = await this.#get(url, offset > 0 ? { range: `bytes=${offset}-` } : {});
    const coded = !/^(identity)?$/.test(response.headers.get("content-encoding") ?? "");
    const [, begin] = response.headers.get("content-range")?.match(/^bytes (\d+)-/) ?? [];
    const length = coded ? null : response.headers.get("content-length");
    return {
      // Where nobody may read which range it is (CORS), it is the one that was asked for.
      offset: response.status === 206 ? Number(begin ?? offset) : 0,
      whole: response.status !== 206,
      usable: !(coded && offset > 0), // not every platform decodes an answer to a range
      ...length !== null && { length: Number(length) },
      body: response.body ?? new Blob([]).stream(),
      host: new URL(response.url || `${this.#options.baseUrl}/`).host,
    };
  }

  /** What the hub answers, with its headers. */
  async #json(path: string): Promise<[unknown, Headers]> {
    const { retries, signal, patience } = this.#options;
    return await attempt(retries, signal, async () => {
      const response = await this.#get(path, {});
      const text = await inTime(response.text(), patience).catch((cause) => {
        signal?.throwIfAborted();
        throw new PassingError(`Cannot download "${this.#model}": the line broke (${cause.message}).`, {
          cause,
        });
      });
      try {
        return [JSON.parse(text), response.headers];
      } catch (cause) {
        const { host } = new URL(response.url);
        throw new PassingError(`Cannot download "${this.#model}": ${strangeAnswer(host, text)}.`, { cause });
      }
    });
  }

  async #get(path: string, headers: Record<string, string>): Promise<Response> {
    const { baseUrl, token, signal, patience } = this.#options;
    const url = new URL(path, `${baseUrl}/`);
    // A list's next page may be anywhere; the token is only for the hub.
    const authorization: HeadersInit =
      token !== undefined && token !== "" && url.href.startsWith(`${baseUrl}/`)
        ? { authorization: `Bearer ${token}` }
        : {};
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer for ${patience} ms`)), patience);
    const response = await fetch(url, {
      headers: { ...headers, ...authorization },
      signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    }).catch((cause) => {
      signal?.throwIfAborted();
      const message = this.#message(`${url.host} cannot be reached`, "a connection, or a cached copy");
      throw new PassingError(message, { cause });
    }).finally(() => clearTimeout(timer));
    if (response.ok) return response;
    await response.body?.cancel().catch(() => {}); // a broken one cannot be cancelled
    throw this.#refusal(response, url);
  }

  #refusal({ status, headers }: Response, url: URL): HubError {
    const page = `${this.#options.baseUrl}/${this.#model}`;
    const answer = `${url.host} answers ${status}`;
    switch (status) {
      case 401:
        return this.#error(
          "unauthorized",
          `${answer}: it is private, gated or misspelt`,
          this.#options.token === undefined ? "a token that may read it" : "another token",
        );
      case 403:
        return this.#error(
          "forbidden",
          `${answer}: this account may not read it`,
          `you to be admitted at ${page}`,
        );
      case 404:
        return this.#error("not-found", `${answer} for ${url.pathname}`, "the name of a model that is there");
      case 511:
        return new PassingError(this.#message(`${answer}: ${portal}`, portalWanted));
    }
    const wait = retryAfter(headers.get("retry-after"));
    if (status === 429) {
      const asked = wait === 0 ? "to wait" : `to wait ${Math.ceil(wait / 1000)} s`;
      return new PassingError(this.#message(`${answer}: it asks ${asked}`, "fewer requests, or a token"), {
        wait,
      });
    }
    const message = this.#message(`${answer} for ${url.pathname}`);
    return status >= 500 || status === 408 || status === 416 || status === 425
      ? new PassingError(message, { wait })
      : new HubError("network", message);
  }

  #error(reason: HubErrorReason, state: string, wanted?: string): HubError {
    return new HubError(reason, this.#message(state, wanted));
  }

  #message(state: string, wanted = "an answer as Hugging Face gives"): string {
    return `Cannot download "${this.#model}": ${state}, expected ${wanted}.`;
  }
}

const portal = "this network wants you to sign in first";
const portalWanted = "a browser to have opened its page";

/** Says what came in place of what was asked for. */
export function strangeAnswer(host: string, beginning: string): string {
  if (/^\s*(<!doctype html|<html|<\?xml|<head|<!--)/i.test(beginning)) {
    return `${host} answers with a web page: a captive portal or a proxy stands between (${portal}), expected ${portalWanted}`;
  }
  if (beginning.startsWith("version https://git-lfs")) {
    return `${host} answers with a pointer of Git LFS, expected the file that it points to`;
  }
  return `${host} answers something other than what was asked for, expected an answer as Hugging Face gives`;
}

/** What the hub says of a file, or nothing where that is not understood or could not be stored. */
export function remoteFile(entry: {
  readonly path?: unknown;
  readonly size?: unknown;
  readonly oid?: unknown;
  readonly lfs?: { readonly oid?: unknown };
}): RemoteFile[] {
  const { path, size, oid, lfs } = entry;
  const hash = lfs?.oid !== undefined
    ? { algorithm: "sha256" as const, hex: String(lfs.oid) }
    : { algorithm: "git" as const, hex: String(oid) };
  const length = hash.algorithm === "git" ? 40 : 64;
  if (typeof path !== "string" || !Number.isSafeInteger(size) || (size as number) < 0) return [];
  return hash.hex.length === length && /^[0-9a-f]+$/.test(hash.hex)
    ? [{ path, size: size as number, hash }]
    : [];
}

/** Whether a path stays in its folder, on every platform. */
export function isStorable(path: string): boolean {
  // deno-lint-ignore no-control-regex
  return !/(^|\/)\.{0,2}(\/|$)|[\\:\x00-\x1f]/.test(path);
}

/** Milliseconds of a `Retry-After`, in seconds or as a date. */
function retryAfter(header: string | null): number {
  if (header === null) return 0;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : 0;
}

async function inTime<T>(result: Promise<T>, patience: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${patience} ms`)), patience);
  });
  return await Promise.race([result, late]).finally(() => clearTimeout(timer));
}
