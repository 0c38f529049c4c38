/**
 * `serve`: a model for clients of OpenAI's image API and of A1111's.
 *
 * @module
 */
import { createPipeline } from "../../mod.ts";
import { backendByName, BACKENDS, dtypeByName } from "../../cli/choices.ts";
import { type CommandEntry, type ParsedArguments, UsageError } from "../../cli/usage.ts";
import { PRECISION_NAMES } from "../../backends/precision.ts";
import { createApp } from "./app.ts";
import { Jobs } from "./jobs.ts";
import { LIMITS } from "./limits.ts";
import { loraFolder } from "./lora_folder.ts";

/** Bodies that wait, in all. */
const waitingBytes = 64_000_000;

/** The command. */
export const serveCommand: CommandEntry = {
  name: "serve",
  text: "serve a model to clients of OpenAI's image API and of A1111's",
  words: {},
  options: {
    "model": { value: "model", text: 'a folder, a file, "owner/name" on a hub, or "mini"', default: "mini" },
    "backend": { value: "name", text: "what runs the networks", choices: BACKENDS, default: "auto" },
    "dtype": { value: "name", text: "how weights are held", choices: PRECISION_NAMES },
    "lora-folder": { value: "folder", text: "LoRAs that prompts may name as <lora:name:0.8>" },
    "alias": {
      value: "name",
      text: "a further name of the model, for clients that ask for another",
      multiple: true,
    },
    "host": { value: "address", text: "where to listen; 0.0.0.0 is everywhere", default: "127.0.0.1" },
    "port": { value: "number", text: "the port; 0 takes a free one", range: "0 … 65535", default: "7860" },
    "token": {
      value: "text",
      text: "what a client has to show, as a bearer token or a password; better in $MOBILE_DIFFUSION_TOKEN",
      multiple: true,
    },
    "cors": {
      value: "origin",
      text: 'a page that may use it, as "https://example.com", or "*"',
      multiple: true,
    },
    "allow-host": { value: "name", text: "a name under which it is reached", multiple: true },
    "queue": { value: "number", text: "requests that wait or run at once", range: "1 … 1024", default: "32" },
    "max-pixels": {
      value: "number",
      text: "pixels of a picture",
      range: "64 …",
      default: String(LIMITS.pixels),
    },
    "max-steps": {
      value: "number",
      text: "steps of a run",
      range: "1 … 1000",
      default: String(LIMITS.steps),
    },
    "max-count": {
      value: "number",
      text: "pictures of a request",
      range: "1 … 1024",
      default: String(LIMITS.count),
    },
  },
  examples: [
    "--model ./stable-diffusion-v1-5 --alias gpt-image-1",
    "--host 0.0.0.0 --allow-host pictures.local",
  ],
  async run(given) {
    await using server = await serve(given);
    const { hostname, port } = server.addr;
    console.error(
      `Listening at http://${
        hostname.includes(":") ? `[${hostname}]` : hostname
      }:${port}/ (/v1 and /sdapi/v1)`,
    );
    const ended = Promise.withResolvers<void>();
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, ended.resolve);
    await ended.promise;
  },
};

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** Where. */
  readonly addr: Deno.NetAddr;
}

/**
 * Opens the model, loads it, and listens. Disposing ends all jobs.
 *
 * @throws {UsageError} If the port is taken.
 */
export async function serve(given: ParsedArguments): Promise<RunningServer> {
  const [hostname, port] = [given.text("host") ?? "127.0.0.1", given.number("port") ?? 7860];
  const ofEnvironment = Deno.env.get("MOBILE_DIFFUSION_TOKEN");
  const tokens = [...given.texts("token"), ...ofEnvironment === undefined ? [] : [ofEnvironment]];
  const [dtype, backend] = [given.text("dtype"), given.text("backend")];
  await using cleanup = new AsyncDisposableStack();
  const pipeline = cleanup.use(
    await createPipeline({
      model: given.text("model") ?? "mini",
      ...backend !== undefined && { backend: backendByName(backend) },
      ...dtype !== undefined && { dtype: dtypeByName(dtype) },
    }),
  );
  const jobs = new Jobs(pipeline, { capacity: given.number("queue") ?? 32, bytes: waitingBytes });
  cleanup.defer(() => jobs.close());
  const app = createApp({
    pipeline,
    jobs,
    limits: {
      ...LIMITS,
      pixels: given.number("max-pixels") ?? LIMITS.pixels,
      steps: given.number("max-steps") ?? LIMITS.steps,
      count: given.number("max-count") ?? LIMITS.count,
    },
    aliases: given.texts("alias"),
    loras: loraFolder(given.text("lora-folder")),
    hosts: [...given.texts("allow-host"), hostname],
    origins: given.texts("cors"),
    tokens,
  });
  const http = listen(hostname, port, (request, remote) => app.fetch(request, { remote }));
  cleanup.defer(() => http.shutdown());
  const parts = cleanup.move();
  return { addr: http.addr, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

function listen(
  hostname: string,
  port: number,
  answer: (request: Request, remote: string) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(
      { hostname, port, onListen() {} },
      (request, { remoteAddr }) => answer(request, remoteAddr.hostname),
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new UsageError(
      `Cannot serve at ${hostname}:${port}: another program listens there, expected a free --port.`,
    );
  }
}
