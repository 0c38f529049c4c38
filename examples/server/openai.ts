/**
 * OpenAI's `/v1/images/generations` and `/v1/images/edits`, with partial images where a client streams.
 *
 * Beside its parameters `seed`, `steps`, `guidance`, `negative_prompt`, `sampler` and `strength` are taken, as
 * `generate` has them. Qualities are the three regimes of a model that has them: low takes one step, medium eight.
 *
 * @module
 */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { GeneratedImage, GenerationStep, ImageFormat } from "../../pipeline/generation.ts";
import type { Image } from "../../core/image.ts";
import { encodeImage, resizeImage } from "../../image/mod.ts";
import { progressiveDistillation, ufogen } from "../../samplers/mod.ts";
import type { JobRequest, JobResult } from "./jobs.ts";
import { checkSize, refuse } from "./limits.ts";
import { fromForm } from "./form.ts";
import { pictureOf, toBase64, transparencyOf } from "./pictures.ts";
import { HTTPException, jsonBody, maybe, number, prompt, readBody, seed, v, whole } from "./read_request.ts";
import { callerOf, type ServerContext, type ServerEnv, type ServerOptions } from "./server_options.ts";

const oneOf = <const T extends readonly string[]>(...values: T) => maybe(v.picklist(values));

const parametersOf = (server: ServerOptions) => ({
  prompt: prompt(server.limits),
  model: maybe(v.string()),
  n: maybe(whole(1, server.limits.count)),
  size: maybe(v.pipe(v.string(), v.regex(/^(?:auto|\d{1,5}x\d{1,5})$/, '"auto" or "WIDTHxHEIGHT"'))),
  quality: oneOf("auto", "standard", "low", "medium", "high", "hd"),
  response_format: oneOf("b64_json", "url"),
  output_format: oneOf("png", "jpeg", "webp"),
  output_compression: maybe(whole(0, 100)),
  background: oneOf("auto", "opaque"),
  moderation: oneOf("auto", "low"),
  user: maybe(v.string()),
  stream: maybe(
    v.union([v.boolean(), v.pipe(v.picklist(["true", "false"]), v.transform((text) => text === "true"))]),
  ),
  partial_images: maybe(whole(0, 3)),
  // Ours.
  seed: maybe(seed(0)),
  steps: maybe(whole(1, server.limits.steps)),
  guidance: maybe(number(0, 100)),
  negative_prompt: maybe(prompt(server.limits)),
  sampler: maybe(v.string()),
});

const editOf = (server: ServerOptions) => ({
  ...parametersOf(server),
  image: v.union([v.instance(Blob), v.pipe(v.array(v.instance(Blob)), v.length(1))]),
  mask: maybe(v.instance(Blob)),
  input_fidelity: oneOf("low", "high"),
  strength: maybe(number(0, 1)),
});

type Parameters = v.InferOutput<v.StrictObjectSchema<ReturnType<typeof parametersOf>, undefined>>;
type Edit = v.InferOutput<v.StrictObjectSchema<ReturnType<typeof editOf>, undefined>>;

/** The routes under `/v1`. */
export function openai(server: ServerOptions): Hono<ServerEnv> {
  const names = [server.pipeline.model.name, ...server.aliases];
  const models = names.map((id) => ({ id, object: "model", created: 0, owned_by: "you" }));
  const generation = v.strictObject(parametersOf(server));
  const edit = v.strictObject(editOf(server));
  return new Hono<ServerEnv>()
    .get("/models", (c) => c.json({ object: "list", data: models }))
    .get("/models/:id{.+}", (c) => {
      const model = models.find(({ id }) => id === c.req.param("id"));
      return c.json(model ?? unknownModel(names), model === undefined ? 404 : 200);
    })
    .post("/images/generations", async (c) => {
      const asked = readBody(generation, await jsonBody(c.req));
      return await answer(c, server, asked, optionsOf(asked, server), "image_generation");
    })
    .post("/images/edits", async (c) => {
      const asked = readBody(edit, await fromForm(c.req.raw));
      const options = { ...optionsOf(asked, server), ...await pictures(asked, server) };
      return await answer(c, server, asked, options, "image_edit");
    });
}

function unknownModel(names: readonly string[]) {
  const message = `There is no such model here, expected ${
    names.map((name) => JSON.stringify(name)).join(" or ")
  }.`;
  return { error: { message, type: "invalid_request_error", param: "model", code: "model_not_found" } };
}

function optionsOf(asked: Parameters, server: ServerOptions): JobRequest["options"] {
  const { model } = server.pipeline;
  const names = [model.name, ...server.aliases];
  if (asked.model !== undefined && asked.model !== null && !names.includes(asked.model)) {
    throw new HTTPException(404, {
      message: unknownModel(names).error.message,
      cause: { parameter: "model" },
    });
  }
  const [width, height] = asked.size?.match(/\d+/g)?.map(Number) ?? [];
  checkSize(width ?? model.size, height ?? model.size, server.limits);
  const given = {
    sampler: asked.sampler ?? samplerOf(asked.quality ?? "auto", server),
    steps: asked.steps,
    guidance: asked.guidance,
    negativePrompt: asked.negative_prompt,
    seed: asked.seed,
    count: asked.n,
    width,
    height,
  };
  const options = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
  return { prompt: asked.prompt, ...Object.fromEntries(options) };
}

/** Low and medium are one step and eight where the model was distilled for them; the rest is its own way. */
function samplerOf(quality: NonNullable<Parameters["quality"]>, { pipeline }: ServerOptions) {
  const sampler = quality === "low" ? ufogen() : quality === "medium" ? progressiveDistillation() : undefined;
  if (sampler === undefined || pipeline.model.unets.has(sampler.needs!)) return sampler;
  refuse(
    `The model has no weights for quality "${quality}" (${sampler.name}), expected "auto" or "high".`,
    "quality",
  );
}

async function pictures(asked: Edit, server: ServerOptions): Promise<Partial<JobRequest["options"]>> {
  const [blob] = Array.isArray(asked.image) ? asked.image : [asked.image];
  const file = await blob!.bytes();
  const image = await pictureOf(file, "image");
  if (asked.size === undefined || asked.size === "auto") checkSize(image.width, image.height, server.limits);
  const marked = asked.mask ?? undefined;
  const mask = await transparencyOf(
    marked === undefined ? file : await marked.bytes(),
    marked ? "mask" : "image",
  );
  if (marked !== undefined && mask === undefined) {
    refuse(
      "The mask has no transparent part, expected a PNG that is transparent where the picture is to change.",
      "mask",
    );
  }
  if (mask !== undefined && (mask.width !== image.width || mask.height !== image.height)) {
    refuse(
      `The mask is ${mask.width} × ${mask.height}, expected ${image.width} × ${image.height} as the picture.`,
      "mask",
    );
  }
  const [width = image.width, height = image.height] = asked.size?.match(/\d+/g)?.map(Number) ?? [];
  const fit = (picture: Image) => resizeImage(picture, { width, height });
  return {
    image: fit(image),
    ...mask !== undefined && { mask: fit(mask) },
    ...asked.strength !== undefined && asked.strength !== null && { strength: asked.strength },
  };
}

async function answer(
  c: ServerContext,
  server: ServerOptions,
  asked: Parameters,
  options: JobRequest["options"],
  event: "image_generation" | "image_edit",
): Promise<Response> {
  const format = asked.output_format ?? "png";
  const write = async (image: GeneratedImage | Image) =>
    toBase64(await fileOf(image, format, asked.output_compression));
  const job = { caller: callerOf(c), signal: c.req.raw.signal, options, loras: [] };
  const common = (image: Image | undefined) => ({
    background: "opaque",
    output_format: format,
    quality: asked.quality ?? "auto",
    ...image !== undefined && { size: `${image.width}x${image.height}` },
  });
  const now = () => Math.floor(Date.now() / 1000);
  if (asked.stream !== true) {
    const { images, warnings } = await server.jobs.run(c.var.place, job);
    const files = await Promise.all(images.map(write));
    const data = files.map((file) =>
      asked.response_format === "url" ? { url: `data:image/${format};base64,${file}` } : { b64_json: file }
    );
    return c.json({ created: now(), data, ...common(images[0]), ...warnings.length > 0 && { warnings } });
  }
  if ((asked.n ?? 1) > 1) refuse("A stream has one picture, expected n to be 1.", "n");
  const partials = asked.partial_images ?? 0;
  c.var.place.taken = true; // the answer begins before the job does
  return streamSSE(c, async (stream) => {
    const send = (type: string, fields: object) =>
      stream.writeSSE({
        event: `${event}.${type}`,
        data: JSON.stringify({ type: `${event}.${type}`, ...fields }),
      });
    let sent = 0;
    const onStep = async (step: GenerationStep) => {
      const due = Math.floor((step.index + 1) * (partials + 1) / step.steps);
      if (due <= sent || step.index + 1 === step.steps) return;
      const [image] = await step.decode();
      const fields = { b64_json: await write(image!), partial_image_index: sent++, created_at: now() };
      await send("partial_image", { ...fields, ...common(image) });
    };
    const { images, warnings }: JobResult = await server.jobs.run(c.var.place, { ...job, onStep });
    const [image] = images;
    if (image === undefined) throw new Error("The job was interrupted before its first step.");
    const fields = { b64_json: await write(image), created_at: now(), ...common(image) };
    await send("completed", { ...fields, ...warnings.length > 0 && { warnings } });
  }, async (error, stream) => {
    if (error.name === "AbortError") return;
    const body = { message: error.message, type: "server_error", param: null, code: null };
    await stream.writeSSE({ event: "error", data: JSON.stringify({ type: "error", error: body }) });
  });
}

async function fileOf(
  image: GeneratedImage | Image,
  format: ImageFormat,
  quality?: number | null,
): Promise<Uint8Array> {
  const options = typeof quality === "number" ? { quality } : {};
  return "encode" in image ? await image.encode(format, options) : await encodeImage(image, format, options);
}
