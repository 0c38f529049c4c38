/** The worker of the wasm backend in Deno and Bun, where no bundler is to find it. */
import { importNodeBuild } from "./_wasm_runtime.ts";
import { serveSession } from "./_wasm_service.ts";

serveSession(importNodeBuild);
