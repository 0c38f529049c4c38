/** Debian's Chromium for tests, with nothing that calls home. */
import process from "node:process";
import { type Browser, chromium } from "playwright-core";

const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is. Absent, tests are skipped, or fail where `REQUIRE_ALL=1` is set. */
export function findChromium(): string | undefined {
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Whether a test that needs Chromium is skipped, with the reason in its name. */
export function withoutChromium(): { readonly ignore: boolean; readonly reason: string } {
  const missing = findChromium() === undefined && process.env.REQUIRE_ALL !== "1";
  return {
    ignore: missing,
    reason: missing ? " (skipped: there is no Chromium, install Debian's package)" : "",
  };
}

/** Starts it without a window. `flags` are added. */
export async function launchChromium(flags: readonly string[] = ["--disable-gpu"]): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error(`Cannot start Chromium: it is not at ${paths.join(", ")}.`);
  }
  return await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      ...flags,
    ],
  });
}
