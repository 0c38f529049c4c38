/// <reference lib="dom" />
// The playground's page: a prompt becomes a picture in the browser. deno task playground
import { createPipeline, type Image, type Pipeline } from "@mobile-diffusion/sdk";
import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
import { webgpu } from "@mobile-diffusion/sdk/backends/webgpu";
import { createSampler, SAMPLERS } from "@mobile-diffusion/sdk/samplers";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [form, prompt] = [element<HTMLFormElement>("form"), element<HTMLTextAreaElement>("prompt")];
const [sampler, backend] = [element<HTMLSelectElement>("sampler"), element<HTMLSelectElement>("backend")];
const [steps, seed] = [element<HTMLInputElement>("steps"), element<HTMLInputElement>("seed")];
const [generate, cancel] = [element<HTMLButtonElement>("generate"), element<HTMLButtonElement>("cancel")];
const [canvas, progress] = [element<HTMLCanvasElement>("picture"), element<HTMLProgressElement>("progress")];
const [status, download] = [element<HTMLOutputElement>("status"), element<HTMLAnchorElement>("download")];

/** Where build.ts puts the runtime's files. */
const assets = new URL("runtime/", location.href).href;
const backends = { wasm: () => wasm({ assets }), webgpu: () => webgpu({ assets }) };
const pipelines = new Map<string, Promise<Pipeline>>();
let stop = new AbortController();

/** One pipeline a backend, kept for the next picture. */
function pipelineOn(name: string): Promise<Pipeline> {
  const pipeline = pipelines.get(name) ??
    createPipeline({ backend: backends[name as keyof typeof backends]() });
  pipelines.set(name, pipeline);
  return pipeline;
}

/** Generates with what the form says, showing every step. */
async function run(signal: AbortSignal): Promise<void> {
  status.value = "Loading the model …";
  const pipeline = await pipelineOn(backend.value);
  const run = pipeline.stream({
    prompt: prompt.value,
    sampler: createSampler(sampler.value),
    steps: steps.valueAsNumber,
    seed: seed.valueAsNumber,
    signal,
  });
  while (true) {
    const { done, value } = await run.next();
    if (done) {
      const [picture] = value.images;
      await show(picture!);
      offer(await picture!.encode("png"));
      status.value = `${(value.milliseconds.total / 1000).toFixed(1)} s, seed ${picture!.parameters.seed}`;
      return;
    }
    await show(value.preview()[0]!);
    progress.value = (value.index + 1) / value.steps;
    status.value = `Step ${value.index + 1} of ${value.steps}`;
  }
}

/** Fills the canvas with a picture of any size; a preview is blurred up. */
async function show({ width, height, data }: Image): Promise<void> {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([...data.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  const bitmap = await createImageBitmap(pixels);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/** Offers the file under the link; it holds the parameters that made it. */
function offer(png: Uint8Array): void {
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob([new Uint8Array(png)], { type: "image/png" }));
  download.download = `${prompt.value.slice(0, 40).trim().replaceAll(/\W+/g, "-")}-${seed.value}.png`;
  download.hidden = false;
}

function busy(running: boolean): void {
  generate.disabled = running;
  cancel.disabled = !running;
  progress.value = 0;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  stop = new AbortController();
  busy(true);
  download.hidden = true;
  try {
    await run(stop.signal);
  } catch (error) {
    status.value = stop.signal.aborted ? "Cancelled." : (error as Error).message;
  } finally {
    busy(false);
  }
});
cancel.addEventListener("click", () => stop.abort());
sampler.addEventListener("change", () => {
  steps.value = `${Math.min(createSampler(sampler.value).steps, 50)}`;
});

const { model } = await pipelineOn("wasm");
const usable = SAMPLERS.filter(({ weights }) => weights === "any" || model.unets.has(weights));
sampler.append(...usable.map(({ name }) => new Option(name.replaceAll("_", " "), name)));
backend.append(new Option("wasm"));
if (await navigator.gpu?.requestAdapter()) backend.append(new Option("webgpu"));
sampler.value = model.sampler.name;
steps.value = "20";
