/**
 * Whether the backend can run here, and if not, why.
 *
 * @module
 */
import { BackendUnavailableError } from "../../core/errors.ts";
import { appleFrameworks, type Frameworks } from "./_frameworks.ts";

/**
 * Checks runtime, platform and permission; where Deno may prompt for the permission, it does.
 *
 * @throws {BackendUnavailableError} If one of them is not what it must be.
 */
export async function requireCoreML(frameworks: Frameworks): Promise<void> {
  if (typeof globalThis.Deno?.dlopen !== "function") {
    throw new BackendUnavailableError(
      "Cannot use Core ML: this runtime has no Deno.dlopen to call it with. Run in Deno, on macOS.",
    );
  }
  if (frameworks === appleFrameworks && Deno.build.os !== "darwin") {
    throw new BackendUnavailableError(
      `Cannot use Core ML: this is ${Deno.build.os}, and only macOS has it. Take another backend here.`,
    );
  }
  const { state } = await Deno.permissions.request({ name: "ffi" });
  if (state !== "granted") {
    throw new BackendUnavailableError(
      "Cannot use Core ML: foreign functions are not permitted. Run with --allow-ffi, without a list of libraries: " +
        "reading what they point to takes the whole permission.",
    );
  }
}
