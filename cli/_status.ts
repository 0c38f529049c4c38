/** What is going on, on standard error. */
import process from "node:process";
import type { DownloadProgress } from "../hub/mod.ts";
import type { ModelProgress } from "../presets/create_pipeline.ts";
import { printable } from "./printable.ts";

/** One line that is written over where standard error is a terminal; lines of a log, and fewer, where it is none. */
export class Status {
  #shown = "";

  /** Shows it. `log` is whether a log should have it too. */
  show(text: string, log = true): void {
    const line = printable(text);
    if (line === this.#shown) return;
    if (process.stderr.isTTY) process.stderr.write(`\r${line}\x1b[K`);
    else if (log) process.stderr.write(`${line}\n`);
    this.#shown = line;
  }

  /** Removes the line of a terminal. */
  clear(): void {
    if (this.#shown !== "" && process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    this.#shown = "";
  }
}

/** Shows a download: a log has a line each tenth of it. */
export function downloadStatus(status: Status): (progress: DownloadProgress) => void {
  let [tenth, percent] = [-1, -1];
  return ({ file, allReceived, allTotal }) => {
    const now = allTotal === 0 ? 100 : Math.floor(100 * allReceived / allTotal);
    if (now <= percent) return;
    percent = now;
    const log = Math.floor(now / 10) > tenth;
    if (log) tenth = Math.floor(now / 10);
    status.show(`${now} % of ${(allTotal / 1e6).toFixed(1)} MB: ${file}`, log);
  };
}

/** Shows what a model does before it makes pictures: a log has one line for all that it loads. */
export function modelStatus(status: Status): (progress: ModelProgress) => void {
  const download = downloadStatus(status);
  let loads = 0;
  return (progress) => {
    if (progress.kind === "download") download(progress);
    else if (progress.done) status.clear();
    else status.show(`loading ${progress.network}`, loads++ === 0);
  };
}
