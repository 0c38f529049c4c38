/**
 * The API of A1111's web UI under `/sdapi/v1`, as its clients use it.
 *
 * @module
 */
import { Hono } from "hono";
import type { GeneratedImage } from "../../pipeline/generation.ts";
import type { Image } from "../../core/image.ts";
import { encodeImage, readPictureText } from "../../image/mod.ts";
import { SAMPLERS } from "../../samplers/mod.ts";
import { readA1111 } from "./a1111_request.ts";
import { refuse } from "./limits.ts";
import { fromBase64, pictureOf, toBase64 } from "./pictures.ts";
import { jsonBody, readBody, v } from "./read_request.ts";
import { callerOf, type ServerContext, type ServerEnv, type ServerOptions } from "./server_options.ts";

/** Lists of what this server has nothing of. */
const empty = [
  "upscalers",
  "latent-upscale-modes",
  "hypernetworks",
  "face-restorers",
  "realesrgan-models",
  "prompt-styles",
  "sd-vae",
];

const schedulers = ["Automatic", "Uniform", "Karras", "Exponential", "SGM Uniform", "Simple", "Beta"];

/** The routes. */
export function a1111(server: ServerOptions): Hono<ServerEnv> {
  const { pipeline, jobs } = server;
  const { model } = pipeline;
  const settings = {
    sd_model_checkpoint: model.name,
    CLIP_stop_at_last_layers: 1,
    randn_source: "CPU",
    sd_vae: "Automatic",
  };
  const app = new Hono<ServerEnv>();
  for (const kind of ["txt2img", "img2img"] as const) app.post(`/${kind}`, (c) => generate(c, kind, server));
  for (const name of empty) app.get(`/${name}`, (c) => c.json([]));
  return app
    .get("/options", (c) => c.json(settings))
    .post("/options", async (c) => {
      const asked = readBody(v.record(v.string(), v.unknown()), await jsonBody(c.req));
      const given = new Map<string, unknown>(Object.entries(settings));
      const other = Object.keys(asked).find((key) => given.get(key) !== asked[key]);
      if (other === undefined) return c.json(null);
      const state = JSON.stringify(given.get(other)) ?? "not known";
      refuse(
        `The setting ${
          JSON.stringify(other.slice(0, 60))
        } stays as it is, ${state}: send it as override_settings.`,
      );
    })
    .get("/samplers", (c) => c.json(samplersOf(server)))
    .get(
      "/schedulers",
      (c) => c.json(schedulers.map((label) => ({ name: label.toLowerCase(), label, aliases: null }))),
    )
    .get(
      "/sd-models",
      (c) =>
        c.json([{
          title: model.name,
          model_name: model.name,
          hash: null,
          sha256: null,
          filename: model.name,
          config: null,
        }]),
    )
    .get(
      "/loras",
      async (c) =>
        c.json(
          (await server.loras.names()).map((name) => ({
            name,
            alias: name,
            path: `${name}.safetensors`,
            metadata: {},
          })),
        ),
    )
    .get("/embeddings", (c) => c.json({ loaded: {}, skipped: {} }))
    .get("/scripts", (c) => c.json({ txt2img: [], img2img: [] }))
    .get("/cmd-flags", (c) => c.json({}))
    .get("/memory", (c) => c.json({ ram: memory(), cuda: { error: "there is no CUDA here" } }))
    .get(
      "/progress",
      async (c) => c.json(await progress(server, c.req.query("skip_current_image") === "true")),
    )
    .post("/interrupt", (c) => c.json({ interrupted: jobs.interrupt(callerOf(c)) }))
    .post("/skip", (c) => c.json({ interrupted: jobs.interrupt(callerOf(c)) }))
    .post("/refresh-checkpoints", (c) => c.json(null))
    .post("/refresh-loras", (c) => c.json(null))
    .post("/png-info", async (c) => {
      const { image } = readBody(v.looseObject({ image: v.string() }), await jsonBody(c.req));
      const bytes = fromBase64(image, "image");
      await pictureOf(bytes, "image"); // which says what is wrong with the file
      const items = await readPictureText(bytes);
      return c.json({ info: items["parameters"] ?? "", items, parameters: {} });
    });
}

/** Those that the model's weights are for, each by its first name there. */
function samplersOf({ pipeline }: ServerOptions) {
  return SAMPLERS
    .filter(({ weights }) =>
      weights === "any" || weights === "lcm" || weights === "tcd" || pipeline.model.unets.has(weights)
    )
    .map(({ name, aliases }) => ({
      name: aliases[0]?.endsWith("Scheduler") ? name : aliases[0] ?? name,
      aliases: [name, ...aliases],
      options: {},
    }));
}

function memory() {
  const { rss, heapTotal } = process.memoryUsage();
  return { used: rss, heap: heapTotal };
}

async function generate(
  c: ServerContext,
  kind: "txt2img" | "img2img",
  server: ServerOptions,
): Promise<Response> {
  const body = await jsonBody(c.req);
  const { options, loras, comments, sendImages } = await readA1111(body, kind, server);
  const job = { caller: callerOf(c), signal: c.req.raw.signal, options, loras };
  const { images, warnings, interrupted } = await server.jobs.run(c.var.place, job);
  const files = await Promise.all(images.map(fileOf));
  const texts = await Promise.all(
    files.map(async (file) => (await readPictureText(file))["parameters"] ?? ""),
  );
  const [first] = images.filter((image) => "parameters" in image).map(({ parameters }) => parameters);
  const said = [...comments, ...warnings, ...interrupted ? ["it was interrupted"] : []];
  const info = {
    prompt: options.prompt,
    all_prompts: images.map(() => options.prompt),
    negative_prompt: options.negativePrompt,
    all_negative_prompts: images.map(() => options.negativePrompt),
    seed: first?.seed ?? options.seed ?? -1,
    all_seeds: images.map((image) => "parameters" in image ? image.parameters.seed : -1),
    width: options.width,
    height: options.height,
    sampler_name: first?.sampler,
    cfg_scale: options.guidance,
    steps: options.steps,
    batch_size: options.batchSize,
    denoising_strength: options.strength ?? null,
    sd_model_name: server.pipeline.model.name,
    infotexts: texts,
    comments: said.join("\n"),
  };
  const { init_images: _, mask: __, ...parameters } = body as Record<string, unknown>;
  return c.json({ images: sendImages ? files.map(toBase64) : [], parameters, info: JSON.stringify(info) });
}

async function fileOf(image: GeneratedImage | Image): Promise<Uint8Array> {
  return "encode" in image ? await image.encode("png") : await encodeImage(image, "png");
}

async function progress({ jobs }: ServerOptions, withoutImage: boolean) {
  const { running } = jobs;
  const [done, steps] = [(running?.step?.index ?? -1) + 1, running?.step?.steps ?? 0];
  const share = steps === 0 ? 0 : done / steps;
  const spent = running?.begun === undefined ? 0 : (Date.now() - running.begun) / 1000;
  const [preview] = withoutImage ? [] : running?.step?.preview() ?? [];
  return {
    progress: share,
    eta_relative: share === 0 ? 0 : spent / share - spent,
    state: {
      skipped: false,
      interrupted: false,
      job: "",
      job_count: jobs.count,
      job_no: 0,
      sampling_step: done,
      sampling_steps: steps,
    },
    current_image: preview === undefined ? null : toBase64(await encodeImage(preview, "png")),
    textinfo: null,
  };
}
