/** Folders for scratch files: nobody else may look into them, and what a killed process left is swept. */
import { builtin } from "../core/platform.ts";

const prefix = "mobile-diffusion-";
/** A folder of a process that cannot be seen may belong to one in another container that is writing it. */
const young = 60_000;

/**
 * Makes a folder of mode 0700 with a name that cannot be guessed, after sweeping those of processes that are gone.
 *
 * @param parent The system's folder for temporary files when undefined.
 */
export async function makeScratchFolder(parent: string | undefined): Promise<string> {
  const { mkdtemp } = builtin("node:fs/promises");
  const { join } = builtin("node:path");
  const place = parent ?? builtin("node:os").tmpdir();
  await sweep(place).catch(() => {}); // somebody else's, or not to be read
  return await mkdtemp(join(place, `${prefix}${pid()}-`));
}

async function sweep(place: string): Promise<void> {
  const { lstat, readdir, rm } = builtin("node:fs/promises");
  const { join } = builtin("node:path");
  for (const name of await readdir(place)) {
    const [, owner] = name.match(/^mobile-diffusion-(\d+)-\w+$/) ?? [];
    if (owner === undefined || Number(owner) === pid()) continue;
    const path = join(place, name);
    const { mtimeMs } = await lstat(path);
    if (Date.now() - mtimeMs < young || await isAlive(owner)) continue;
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

/** Where processes cannot be seen, all of them count as alive. */
async function isAlive(owner: string): Promise<boolean> {
  const { stat } = builtin("node:fs/promises");
  const there = (path: string) => stat(path).then(() => true, () => false);
  return !await there(`/proc/${pid()}`) || await there(`/proc/${owner}`);
}

function pid(): number {
  return (globalThis as { process?: { readonly pid?: number } }).process?.pid ?? 0;
}
