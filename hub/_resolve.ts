/** From a model's name to its files in a store: the same on disk and in browsers. */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { weightsFiles } from "../core/model_files.ts";
import { defaultHub, defaultToken, isOffline } from "./_environment.ts";
import { HubError } from "./hub_error.ts";
import type { HubOptions, Planner } from "./hub_options.ts";
import { planDownload } from "./plan_download.ts";
import { isStorable, Repository } from "./_repository.ts";
import type { RemoteFile, Store } from "./_store.ts";
import { transfer } from "./_transfer.ts";

/** The files of a model that are in a store. */
export interface Resolved {
  readonly commit: string;
  /** Those that were asked for or planned; all of them are there. */
  readonly paths: readonly string[];
}

/** Refuses what is no name, before it becomes a part of a path. */
export function checkName(model: string, revision: string): void {
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(model) || model.includes("..")) {
    throw new TypeError(`Cannot resolve the model ${JSON.stringify(model)}: expected "owner/name".`);
  }
  if (!isGitName(revision)) {
    throw new TypeError(
      `Cannot resolve revision ${JSON.stringify(revision)}: expected a branch, tag or commit.`,
    );
  }
}

/** What `git check-ref-format` allows, which leads out of no folder. */
function isGitName(name: string): boolean {
  // deno-lint-ignore no-control-regex
  const forbidden = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|^@$|\.$/;
  return !forbidden.test(name) &&
    name.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"));
}

/** Makes sure that all needed files are in the store. */
export async function resolve(store: Store, model: string, options: HubOptions): Promise<Resolved> {
  const { revision = "main", offline = isOffline(), refresh = false, signal } = options;
  signal?.throwIfAborted();
  const isCommit = /^[0-9a-f]{40}$/.test(revision);
  const known = isCommit ? revision : await store.commitOf(revision);
  if (known !== undefined && (isCommit || !refresh || offline)) {
    const paths = await listed(store, known, options);
    if (paths !== undefined) return { commit: known, paths };
  }
  if (offline) {
    if (known !== undefined) return { commit: known, paths: await present(store, known, model, options) };
    throw notHere(model, store);
  }
  return await download(store, model, options, refresh ? undefined : known);
}

/** What is needed, if the hub's own list says that all of it is here. */
async function listed(
  store: Store,
  commit: string,
  options: HubOptions,
): Promise<readonly string[] | undefined> {
  const listing = await store.listing(commit);
  if (listing === undefined) return undefined;
  const files = new Map(listing.map((file) => [file.path, file]));
  const isHere = async (path: string) => {
    const file = files.get(path);
    return file !== undefined && isStorable(path) && await store.has(commit, file);
  };
  const read = async (path: string) => {
    if (!await isHere(path)) throw new HubError("offline", `"${path}" is not in ${store.place}.`);
  };
  const paths = await planFrom(store, commit, [...files.keys()], options, read).catch(orUndefined);
  if (paths === undefined) return undefined;
  for (const path of paths) if (!await isHere(path)) return undefined;
  return paths;
}

/**
 * What is needed, as far as that can be told from what another program left here, without a list of what the hub has.
 *
 * @throws {HubError} If it is not certain that all of it is here.
 */
async function present(
  store: Store,
  commit: string,
  model: string,
  options: HubOptions,
): Promise<readonly string[]> {
  const names = await store.paths(commit);
  const { files, plan, variant } = options;
  const own = files === undefined && plan === undefined;
  if (own && !names.includes("model_index.json") && names.some((name) => /^\w+\/config\.json$/.test(name))) {
    throw notHere(model, store); // whoever has networks in folders has an index, which would name what is missing
  }
  const paths = await planFrom(store, commit, names, options).catch(orUndefined);
  if (paths === undefined) throw notHere(model, store);
  const only = weightsFiles(paths.map((path) => path.slice(path.lastIndexOf("/") + 1)))
    .find((file) => file.variant !== undefined)?.variant;
  if (!own || variant !== undefined || only === undefined) return paths;
  throw new HubError(
    "offline",
    `Cannot resolve "${model}" offline: ${store.place} has weights of the variant "${only}" alone, and no list of what ` +
      `the hub has, expected the option variant: "${only}".`,
  );
}

function notHere(model: string, { place }: Store): HubError {
  return new HubError(
    "offline",
    `Cannot resolve "${model}" offline: it is not, or not wholly, in ${place}.`,
  );
}

/** Something is missing: whether for good, the hub will say. */
function orUndefined(error: unknown): undefined {
  if (error instanceof HubError || error instanceof UnsupportedModelError || error instanceof TypeError) {
    return;
  }
  throw error;
}

async function download(
  store: Store,
  model: string,
  options: HubOptions,
  known: string | undefined,
): Promise<Resolved> {
  const {
    revision = "main",
    baseUrl = defaultHub(),
    token = await defaultToken(),
    signal,
    retries = 4,
    patience = 30_000,
    onProgress,
  } = options;
  const repository = new Repository(model, { baseUrl, token, signal, retries, patience });
  const commit = known ?? await repository.commit(revision);
  const listing = await repository.files(commit).catch(async (error: unknown) => {
    if (known === undefined || !(error instanceof HubError) || error.reason !== "network") throw error;
    return await present(store, known, model, options).catch(() => {
      throw error; // on an aeroplane, what is here would do
    });
  });
  if (!isListing(listing)) return { commit, paths: listing };
  const remote = new Map(listing.map((file) => [file.path, file]));

  const add = async (path: string, report: (received: number) => void) => {
    const file = remote.get(path);
    if (file === undefined) {
      throw new HubError("not-found", `Cannot download "${path}": the repository has no such file.`);
    }
    if (!isStorable(path)) {
      throw new WeightsError(
        `Cannot download ${
          JSON.stringify(path)
        } of "${model}": the name leads out of its folder, or cannot be stored.`,
      );
    }
    await store.add(commit, file, {
      signal,
      fill: async (part, digest) => {
        const open = (offset: number) => repository.open(commit, path, offset);
        await transfer(file, part, { open, digest, onReceived: report, signal, retries, patience });
      },
    });
    report(file.size);
  };

  const read = (path: string) => add(path, () => {}); // small ones, before the total is known
  const paths = await planFrom(store, commit, [...remote.keys()], options, read);
  const allTotal = paths.reduce((sum, path) => sum + (remote.get(path)?.size ?? 0), 0);
  let allReceived = 0;
  for (const path of paths) {
    const total = remote.get(path)?.size ?? 0;
    const before = allReceived;
    await add(
      path,
      (received) => onProgress?.({ file: path, received, total, allReceived: before + received, allTotal }),
    );
    allReceived += total;
  }
  await store.setListing(commit, listing);
  if (await store.commitOf(revision) !== commit) await store.setCommit(revision, commit);
  return { commit, paths };
}

function isListing(found: readonly RemoteFile[] | readonly string[]): found is readonly RemoteFile[] {
  return typeof found[0] !== "string";
}

/**
 * The files that are needed.
 *
 * @param fetch Makes sure that a file is here.
 */
async function planFrom(
  store: Store,
  commit: string,
  names: readonly string[],
  { files, variant, plan = diffusersPlan(variant) }: HubOptions,
  fetch: (path: string) => Promise<void> = async () => {},
): Promise<readonly string[]> {
  if (files === undefined) {
    return await plan(names, async (path) => {
      await fetch(path);
      return parseObject(path, await store.readText(commit, path));
    });
  }
  const all = new Set(names);
  const missing = files.find((file) => !all.has(file));
  if (missing === undefined) return files;
  throw new HubError("not-found", `Cannot download "${missing}": the repository has no such file.`);
}

function diffusersPlan(variant: string | undefined): Planner {
  return async (names, readJson) => {
    const index = names.includes("model_index.json") ? await readJson("model_index.json") : undefined;
    return planDownload(names, index, variant === undefined ? {} : { variant });
  };
}

function parseObject(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch { /* said below */ }
  throw new TypeError(`Cannot resolve the model: its ${path} is not a JSON object.`);
}
