/**
 * A model's repository on a hub, by the four requests that are needed of Hugging Face's HTTP interface.
 *
 * Not `@huggingface/hub`: it neither resumes nor checks what it downloads, writes to the console, and brings
 * 12 MB.
 */
import { WeightsError } from "../core/errors.ts";
import { HubError, type HubErrorReason } from "./hub_error.ts";
import type { RemoteFile } from "./_store.ts";
import type { Range } from "./_transfer.ts";

/** Where a repository is and who asks. */
export interface RepositoryOptions {
  readonly baseUrl: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
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
    const response = await this.#get(`api/models/${this.#model}/revision/${encodeURIComponent(revision)}`);
    const { sha } = await json(response) as { sha?: unknown };
    if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return sha;
    throw this.#error("network", `the hub gives no commit for "${revision}"`);
  }

  /** All files of a commit. */
  async files(commit: string): Promise<RemoteFile[]> {
    const files: RemoteFile[] = [];
    let page: string | undefined = `api/models/${this.#model}/tree/${commit}?recursive=true`;
    while (page !== undefined) {
      const response: Response = await this.#get(page);
      const entries = await json(response);
      if (!Array.isArray(entries)) throw this.#error("network", "the hub's list of files is not one");
      for (const entry of entries) if (entry?.type === "file") files.push(this.#remoteFile(entry));
      page = response.headers.get("link")?.match(/<([^>]+)>;\s*rel="next"/)?.[1];
    }
    return files;
  }

  /** The bytes of a file from `offset` on, or from its beginning where the hub knows no ranges. */
  async open(commit: string, path: string, offset: number): Promise<Range> {
    const place = path.split("/").map(encodeURIComponent).join("/");
    const range = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await this.#get(`${this.#model}/resolve/${commit}/${place}`, range);
    const begin = Number(response.headers.get("content-range")?.match(/^bytes (\d+)-/)?.[1] ?? 0);
    return { offset: response.status === 206 ? begin : 0, body: response.body ?? new Blob([]).stream() };
  }

  async #get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const { baseUrl, token, signal } = this.#options;
    const url = new URL(path, `${baseUrl}/`);
    // A list's next page may be anywhere; the token is only for the hub.
    if (token !== undefined && url.href.startsWith(`${baseUrl}/`)) {
      headers["authorization"] = `Bearer ${token}`;
    }
    const response = await fetch(url, { headers, signal: signal ?? null }).catch((cause) => {
      signal?.throwIfAborted();
      throw this.#error("network", `${url.host} cannot be reached`, "a connection, or a cached copy", cause);
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw this.#refusal(response.status, url);
  }

  #refusal(status: number, url: URL): HubError {
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
      default:
        return this.#error("network", `${answer} for ${url.pathname}`);
    }
  }

  #remoteFile(entry: { path?: unknown; size?: unknown; oid?: unknown; lfs?: { oid?: unknown } }): RemoteFile {
    const { path, size, oid, lfs } = entry;
    const hash = lfs?.oid !== undefined
      ? { algorithm: "sha256" as const, hex: String(lfs.oid) }
      : { algorithm: "git" as const, hex: String(oid) };
    const isSafe = typeof path === "string" && !/(^|\/)\.{0,2}(\/|$)|[\\:\0]/.test(path);
    if (!isSafe || !Number.isSafeInteger(size) || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash.hex)) {
      throw new WeightsError(
        `Cannot download "${this.#model}": the hub lists a file as ${JSON.stringify(entry)}.`,
      );
    }
    return { path: path as string, size: size as number, hash };
  }

  #error(
    reason: HubErrorReason,
    state: string,
    wanted = "an answer as Hugging Face gives",
    cause?: unknown,
  ): HubError {
    return new HubError(reason, `Cannot download "${this.#model}": ${state}, expected ${wanted}.`, { cause });
  }
}

async function json(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw new HubError("network", `Cannot download: ${response.url} answers something other than JSON.`, {
      cause,
    });
  }
}
