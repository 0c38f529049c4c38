// Serves a model to clients of OpenAI's and of A1111's API: deno task serve --help
import { createPipeline } from "../../mod.ts";
import { createApp } from "./app.ts";
import { Jobs } from "./jobs.ts";
import { LIMITS } from "./limits.ts";
import { loraFolder } from "./lora_folder.ts";
import type { ServerOptions } from "./server_options.ts";
