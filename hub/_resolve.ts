/** From a model's name to its files in a store: the same on disk and in browsers. */
import { HubError } from "./hub_error.ts";
import type { HubOptions } from "./hub_options.ts";
import { planDownload } from "./plan_download.ts";
import { Repository } from "./_repository.ts";
import type { RemoteFile, Store } from "./_store.ts";
import { transfer } from "./_transfer.ts";

/** The files of a model that are in a store. */
export interface Resolved {
  readonly commit: string;
  /** Those that were asked for or planned; all of them are there. */
  readonly paths: readonly string[];
}

const defaultHub = "https://huggingface.co";

/** Refuses what is no name, before it becomes a part of a path. */
export function checkName(model: string, revision: string): void {
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(model) || model.includes("..")) {
    throw new TypeError(`Cannot resolve the model ${JSON.stringify(model)}: expected "owner/name".`);
  }
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(revision) || revision.includes("..")) {
    throw new TypeError(
      `Cannot resolve revision ${JSON.stringify(revision)}: expected a branch, tag or commit.`,
    );
  }
}

/** Makes sure that all needed files are in the store. */
export async function resolve(store: Store, model: string, options: HubOptions): Promise<Resolved> {
  const { revision = "main", offline = false, refresh = false, signal } = options;
  signal?.throwIfAborted();
  const isCommit = /^[0-9a-f]{40}$/.test(revision);
  const known = isCommit ? revision : await store.commitOf(revision);
  if (known !== undefined && (isCommit || !refresh || offline)) {
    const paths = await cached(store, known, options);
    if (paths !== undefined) return { commit: known, paths };
  }
  if (offline) {
    throw new HubError(
      "offline",
      `Cannot resolve "${model}" offline: it is not, or not wholly, in ${store.place}.`,
    );
  }
  return await download(store, model, options);
}

async function cached(store: Store, commit: string, options: HubOptions): Promise<string[] | undefined> {
  const present = await store.paths(commit);
  try {
    return plan(present, await readIndex(store, commit, present), options);
  } catch {
    return undefined; // something is missing: whether for good, the hub will say
  }
}

async function download(store: Store, model: string, options: HubOptions): Promise<Resolved> {
  const {
    revision = "main",
    baseUrl = defaultHub,
    token,
    signal,
    retries = 4,
    patience = 30_000,
    onProgress,
  } = options;
  const repository = new Repository(model, { baseUrl, token, signal });
  const commit = await repository.commit(revision);
  const remote = new Map((await repository.files(commit)).map((file) => [file.path, file]));
  let [allReceived, allTotal] = [0, 0];

  const add = async (file: RemoteFile) => {
    const report = (received: number) =>
      onProgress?.({
        file: file.path,
        received,
        total: file.size,
        allReceived: allReceived + received,
        allTotal: Math.max(allTotal, file.size),
      });
    await store.add(commit, file, {
      signal,
      fill: async (part, digest) => {
        const open = (offset: number) => repository.open(commit, file.path, offset);
        await transfer(file, part, { open, digest, onReceived: report, signal, retries, patience });
      },
    });
    report(file.size);
  };

  const index = remote.get("model_index.json");
  if (index !== undefined && options.files === undefined) await add(index);
  const paths = plan(remote.keys(), await readIndex(store, commit, remote.keys(), options), options);
  allTotal = paths.reduce((sum, path) => sum + remote.get(path)!.size, 0);
  for (const path of paths) {
    const file = remote.get(path)!;
    await add(file);
    allReceived += file.size;
  }
  await store.setCommit(revision, commit);
  return { commit, paths };
}

function plan(
  present: Iterable<string>,
  index: Readonly<Record<string, unknown>> | undefined,
  { files, variant }: HubOptions,
): string[] {
  if (files === undefined) return planDownload(present, index, variant === undefined ? {} : { variant });
  const all = new Set(present);
  const missing = files.find((file) => !all.has(file));
  if (missing === undefined) return [...files];
  throw new HubError("not-found", `Cannot download "${missing}": the repository has no such file.`);
}

async function readIndex(
  store: Store,
  commit: string,
  present: Iterable<string>,
  { files }: HubOptions = {},
): Promise<Record<string, unknown> | undefined> {
  if (files !== undefined || ![...present].includes("model_index.json")) return undefined;
  try {
    return JSON.parse(await store.readText(commit, "model_index.json"));
  } catch (cause) {
    throw new TypeError("Cannot resolve the model: its model_index.json is not JSON.", { cause });
  }
}
