// A model of one's own parts, with no file and no network in it: deno run -A examples/own_parts.ts
//
// Its network knows one picture for each prompt, a disc in the colour that the prompt names, and predicts it at every
// step. Any object with these methods is a part: it may as well call a server.
import { createPipeline, modelOf } from "@mobile-diffusion/sdk";
import { createSchedule } from "@mobile-diffusion/sdk/schedules";

const colours = { red: [0.8, -0.7, -0.7], green: [-0.8, 0.5, -0.6], blue: [-0.8, -0.4, 0.8] };
const done = { [Symbol.asyncDispose]: () => Promise.resolve() };

const model = modelOf({
  schedule: createSchedule({ predictionType: "sample" }),
  guidanceScale: 1,
  size: 128,
  textEncoder: {
    ...done,
    encode({ prompts, passes }) {
      const rows = prompts.map((prompt) =>
        Object.entries(colours).find(([name]) => prompt.includes(name))?.[1] ?? [0, 0, 0]
      );
      const colour = { data: Float32Array.from(rows.flat()), shape: [rows.length, 3] };
      return Promise.resolve({ passes: passes.map((name) => ({ name, conditioning: { colour } })) });
    },
  },
  unet: {
    ...done,
    traits: {},
    prepare: ({ colour }) =>
      Promise.resolve({
        ...done,
        predict({ shape }) {
          const [rows, channels, height, width] = shape as [number, number, number, number];
          const data = Float32Array.from({ length: rows * channels * height * width }, (_, i) => {
            const [x, y] = [i % width - width / 2 + 0.5, Math.floor(i / width) % height - height / 2 + 0.5];
            return Math.hypot(x, y) < width / 3 ? colour!.data[Math.floor(i / (height * width))]! : 0.9;
          });
          return Promise.resolve({ data, shape });
        },
      }),
  },
  vae: {
    ...done,
    traits: { latentChannels: 3, scale: 1 },
    encode: (pixels) => Promise.resolve(pixels),
    decode: (latent) => Promise.resolve(latent),
  },
});

await using pipeline = await createPipeline({ model });
const { images } = await pipeline.generate({ prompt: ["a red disc", "a blue disc"], steps: 5, seed: 1 });
for (const [i, image] of images.entries()) await Deno.writeFile(`disc-${i}.png`, await image.encode("png"));
console.log(
  images.map(({ data, width }) => [...data.slice(3 * (64 * width + 64), 3 * (64 * width + 64) + 3)]),
);
