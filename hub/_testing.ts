/** A hub on this machine, with a model that is small and quick to break. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The commit that `main` stands for. */
export const commit = "0123456789abcdef0123456789abcdef01234567";

const bytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (i * i + seed * i) >> 3);
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A Stable Diffusion folder as people publish it: two variants, a pickle, a checker, a picture. */
export const sampleFiles: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "README.md": text("read me"),
  "model_index.json": text({
    _class_name: "StableDiffusionPipeline",
    requires_safety_checker: true,
    safety_checker: ["stable_diffusion", "StableDiffusionSafetyChecker"],
    scheduler: ["diffusers", "DDIMScheduler"],
    text_encoder: ["transformers", "CLIPTextModel"],
    tokenizer: ["transformers", "CLIPTokenizer"],
    unet: ["diffusers", "UNet2DConditionModel"],
    vae: [null, null],
  }),
  "safety_checker/model.safetensors": bytes(50, 1),
  "scheduler/scheduler_config.json": text({}),
  "text_encoder/config.json": text({ text: true }),
  "text_encoder/model.fp16.safetensors": bytes(300, 2),
  "text_encoder/model.safetensors": bytes(600, 3),
  "tokenizer/merges.txt": text("a b"),
  "tokenizer/vocab.json": text({ a: 0 }),
  "unet/config.json": text({ unet: true }),
  "unet/diffusion_pytorch_model.bin": bytes(900_000, 4),
  "unet/diffusion_pytorch_model.fp16.safetensors": bytes(150_000, 5),
  "unet/diffusion_pytorch_model.safetensors": bytes(300_000, 6),
};

/** What is needed of them, in the order of arrival. */
export const neededFiles: readonly string[] = [
  "model_index.json",
  "scheduler/scheduler_config.json",
  "text_encoder/config.json",
  "tokenizer/merges.txt",
  "tokenizer/vocab.json",
  "unet/config.json",
  "text_encoder/model.safetensors",
  "unet/diffusion_pytorch_model.safetensors",
];

/** What the hub answers. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content: Uint8Array | string;
  /** After the content, though more was promised: the line breaks, or nothing follows. */
  readonly then?: "cut" | "silence";
}

/** What the hub does with a request for a file; `undefined` is the ordinary answer. */
export type Mischief = (path: string, from: number, content: Uint8Array<ArrayBuffer>) => Answer | undefined;

/** A hub that is up until it is disposed of. */
export class FakeHub implements AsyncDisposable {
  readonly #server: Server;
  /** Requests for files, as `path` or `path from offset`. */
  readonly requests: string[] = [];
  /** All requests. */
  count = 0;
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = sampleFiles;
  /** Branches and tags, all of the one commit. */
  revisions: readonly string[] = ["main"];
  /** Answers instead of the hub. */
  mischief: Mischief = () => undefined;
  /** Status of every answer, if not 200. */
  status = 200;
  /** The last `authorization` that was sent. */
  authorization: string | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => send(this.#answer(request), response));
  }

  /** On a port that is free. */
  static async start(): Promise<FakeHub> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FakeHub(server);
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer({ url, headers }: IncomingMessage): Answer {
    this.count++;
    this.authorization = headers.authorization;
    if (this.status !== 200) return { status: this.status, content: "no" };
    const { pathname, searchParams } = new URL(url!, this.baseUrl);
    const [, revision] = pathname.match(/^\/api\/models\/o\/n\/revision\/([^/]+)$/) ?? []; // a "/" in it is coded
    if (revision !== undefined && this.revisions.includes(decodeURIComponent(revision))) {
      return { content: JSON.stringify({ sha: commit }) };
    }
    if (pathname === `/api/models/o/n/tree/${commit}`) return this.#list(searchParams.has("page"));
    const path = decodeURIComponent(pathname.match(`^/o/n/resolve/${commit}/(.*)$`)?.[1] ?? "");
    const content = this.files[path];
    if (content === undefined) return { status: 404, content: "no such file" };
    const from = Number(headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    this.requests.push(from === 0 ? path : `${path} from ${from}`);
    return this.mischief(path, from, content) ?? partOf(content, from);
  }

  /** In two pages, as long lists are. */
  #list(second: boolean): Answer {
    const paths = Object.keys(this.files);
    const half = Math.ceil(paths.length / 2);
    const entries = (second ? paths.slice(half) : paths.slice(0, half)).map((path) => {
      const content = this.files[path]!;
      const git = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
      const large = /safetensors|bin$/.test(path);
      const lfs = { oid: createHash("sha256").update(content).digest("hex"), size: content.length };
      return { type: "file", path, size: content.length, oid: git, ...large && { lfs } };
    });
    const next = `<${this.baseUrl}/api/models/o/n/tree/${commit}?recursive=true&page=2>; rel="next"`;
    const content = JSON.stringify([{ type: "directory", path: "unet" }, ...entries]);
    return { content, headers: second ? {} : { link: next } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function send({ status = 200, headers = {}, content, then }: Answer, response: ServerResponse): void {
  // As hubs let pages read; mirrors often hide which range they send.
  const open = { "access-control-allow-origin": "*", "access-control-expose-headers": "link" };
  response.writeHead(status, { ...open, ...headers });
  if (then === undefined) response.end(content);
  else response.write(content, () => then === "cut" && response.destroy());
}

/** The rest of a content, with the headers of a range. */
export function partOf(content: Uint8Array<ArrayBuffer>, from: number): Answer {
  const rest = content.subarray(from);
  if (from === 0) return { content };
  const range = `bytes ${from}-${content.length - 1}/${content.length}`;
  return {
    status: 206,
    headers: { "content-range": range, "content-length": String(rest.length) },
    content: rest,
  };
}

/** An answer that ends after some bytes, though it promised all. */
export function cutAfter(
  length: number,
  content: Uint8Array<ArrayBuffer>,
  from: number,
  then: "cut" | "silence" = "cut",
): Answer {
  const whole = partOf(content, from);
  const headers = { ...whole.headers, "content-length": String(content.length - from) };
  return { ...whole, headers, content: content.subarray(from, from + length), then };
}

/** A folder that is gone afterwards. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "hub-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
