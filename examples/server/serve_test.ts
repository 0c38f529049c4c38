/** The server as its clients meet it: npm's `openai` unchanged, A1111's routes, and whoever means harm. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import OpenAI, { toFile } from "openai";
import { createPipeline } from "../../mod.ts";
import { parsedArguments, UsageError } from "../../cli/usage.ts";
import { decodeImage, encodeImage, readPictureText } from "../../image/mod.ts";
import { ufogen } from "../../samplers/mod.ts";
import { encode as encodePng } from "fast-png";
import { type RunningServer, serve, serveCommand } from "./serve.ts";

type Given = Readonly<Record<string, string | readonly string[]>>;

async function served(
  given: Given,
  use: (base: string, server: RunningServer) => Promise<void>,
): Promise<void> {
  const options = { backend: "native", port: "0", ...given };
  await using server = await serve(parsedArguments(serveCommand.options, [], options));
  await use(`http://127.0.0.1:${server.addr.port}`, server);
}

const post = (url: string, body: unknown, init: RequestInit = {}) =>
  fetch(url, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });

const prompt = "a red house under a yellow moon";
const fromBase64 = (text: string) => decodeImage(Buffer.from(text, "base64"));

async function expectedPicture(seed: number) {
  await using pipeline = await createPipeline({ backend: "native" });
  const { images } = await pipeline.generate({ prompt, sampler: ufogen(), seed });
  return images[0]!.data;
}

Deno.test("npm's openai makes, streams and edits pictures", async () => {
  await served({ alias: ["gpt-image-1"] }, async (base) => {
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none", maxRetries: 0 });
    assert.deepEqual((await client.models.list()).data.map(({ id }) => id), ["mini", "gpt-image-1"]);

    const asked = { model: "gpt-image-1", prompt, quality: "low" as const, seed: 7 };
    const made = await client.images.generate({ ...asked, n: 2 });
    const [first, second] = await Promise.all(made.data!.map(({ b64_json }) => fromBase64(b64_json!)));
    assert.deepEqual(first!.data, await expectedPicture(7));
    assert.deepEqual(second!.data, await expectedPicture(8));

    const stream = await client.images.generate({
      ...asked,
      quality: "medium",
      stream: true,
      partial_images: 2,
    });
    const events: string[] = [];
    for await (const event of stream) {
      events.push(event.type);
      assert.deepEqual((await fromBase64(event.b64_json)).width, 128);
    }
    const partial = "image_generation.partial_image";
    assert.deepEqual(events, [partial, partial, "image_generation.completed"]);

    const { data } = first!; // its left half is to be painted anew, and is transparent for that
    const rgba = Uint8Array.from(
      { length: 4 * 128 * 128 },
      (_, i) => i % 4 < 3 ? data[3 * (i >> 2) + i % 4]! : (i >> 2) % 128 < 64 ? 0 : 255,
    );
    const mask = encodePng({ width: 128, height: 128, data: rgba, channels: 4 });
    const edited = await client.images.edit({
      model: "mini",
      image: await toFile(await encodeImage(first!, "png"), "house.png", { type: "image/png" }),
      mask: await toFile(mask, "mask.png", { type: "image/png" }),
      prompt: "a green tree",
    });
    const { data: after } = await fromBase64(edited.data![0]!.b64_json!);
    const change = (from: number, to: number) => {
      const columns = after.map((value, i) =>
        (i / 3 | 0) % 128 >= from && (i / 3 | 0) % 128 < to ? Math.abs(value - data[i]!) : 0
      );
      return columns.reduce((sum, value) => sum + value, 0) / columns.length;
    };
    assert.ok(change(0, 48) > 2 * change(80, 128), `${change(0, 48)} against ${change(80, 128)}`);
  });
});

Deno.test("A1111's routes make pictures, say what they left out, and are interrupted by their caller alone", async () => {
  await served({}, async (base) => {
    const api = `${base}/sdapi/v1`;
    const request = {
      prompt,
      seed: 7,
      steps: 2,
      width: 128,
      height: 128,
      eta: 1,
      denoising_strength: 0.7,
      s_noise: 1,
    };
    const made = await (await post(`${api}/txt2img`, { ...request, n_iter: 2, sampler_name: "Euler a" }))
      .json();
    const info = JSON.parse(made.info);
    assert.deepEqual(info.all_seeds, [7, 8]);
    assert.match(
      info.infotexts[1],
      /Steps: 2, Sampler: euler_ancestral, CFG scale: 7, Seed: 8, Size: 128x128/,
    );
    assert.equal(
      (await readPictureText(Buffer.from(made.images[0], "base64")))["parameters"],
      info.infotexts[0],
    );

    const init = {
      init_images: [`data:image/png;base64,${made.images[0]}`],
      mask: made.images[1],
      mask_blur: 4,
    };
    const changed = await (await post(`${api}/img2img`, { ...request, ...init })).json();
    assert.equal(JSON.parse(changed.info).comments, "mask_blur 4 was left out");
    assert.deepEqual(
      (await (await post(`${api}/png-info`, { image: made.images[0] })).json()).info,
      info.infotexts[0],
    );

    const mine = post(`${api}/txt2img`, { ...request, steps: 150 }, {
      headers: { authorization: "Bearer a" },
    });
    let progress;
    do progress = await (await fetch(`${api}/progress`)).json(); while (progress.progress === 0);
    assert.ok((await fromBase64(progress.current_image)).width > 0);
    const interrupt = (caller: string) =>
      post(`${api}/interrupt`, {}, { headers: { authorization: `Bearer ${caller}` } }).then((response) =>
        response.json()
      );
    assert.deepEqual(await interrupt("b"), { interrupted: false });
    assert.deepEqual(await interrupt("a"), { interrupted: true });
    const ended = await (await mine).json();
    assert.equal(JSON.parse(ended.info).comments, "it was interrupted");
    assert.equal((await fromBase64(ended.images[0])).width, 128);

    for (
      const list of [
        "samplers",
        "schedulers",
        "sd-models",
        "loras",
        "options",
        "cmd-flags",
        "scripts",
        "upscalers",
      ]
    ) {
      const response = await fetch(`${api}/${list}`);
      assert.equal(response.status, 200, list);
      await response.json();
    }
  });
});

Deno.test("a prompt names LoRAs of the folder, and nothing else of the machine", async () => {
  await served({ "lora-folder": "assets/mini/lora_candy" }, async (base) => {
    const api = `${base}/sdapi/v1`;
    const [{ name }] = await (await fetch(`${api}/loras`)).json();
    const make = async (text: string) =>
      await (await post(`${api}/txt2img`, { prompt: text, seed: 7, steps: 2, width: 128, height: 128 }))
        .json();
    const plain = await make(prompt);
    assert.notDeepEqual((await make(`${prompt}<lora:${name}:1>`)).images, plain.images);
    assert.deepEqual((await make(prompt)).images, plain.images);
    for (const path of ["../../../etc/passwd", "/etc/passwd", "nothing"]) {
      assert.match(
        (await make(`${prompt}<lora:${path}:1>`)).detail,
        /^The prompt names "<lora:.*>", the LoRAs here are /,
      );
    }
  });
});

Deno.test("hostile requests get one clear answer each", async (t) => {
  await served({ token: ["open sesame"], cors: ["https://pages.example"] }, async (base) => {
    const api = `${base}/sdapi/v1`;
    const shown = { authorization: `Basic ${btoa("me:open sesame")}` };
    const picture = Buffer.from(await encodeImage({ width: 8, height: 8, data: new Uint8Array(192) }, "png"))
      .toString("base64");
    const bomb = (await Deno.readFile("tests/hostile/bomb.jpg").catch(() => undefined))?.toBase64();
    const img2img = (more: object) => ({ prompt, width: 64, height: 64, init_images: [picture], ...more });
    const cases: Record<string, readonly [string, unknown, number, RegExp]> = {
      "no JSON": [`${api}/txt2img`, "{", 400, /not valid JSON/],
      "a list": [`${api}/txt2img`, [], 400, /The body is a list, expected an object/],
      "an address": [
        `${api}/img2img`,
        img2img({ init_images: ["http://127.0.0.1/x.png"] }),
        400,
        /never opened/,
      ],
      "a path": [
        `${api}/img2img`,
        img2img({ init_images: ["/etc/passwd"] }),
        400,
        /no picture|unknown|neither|expected/i,
      ],
      "a file address": [`${api}/img2img`, img2img({ mask: "file:///etc/passwd" }), 400, /never opened/],
      "damaged picture": [
        `${api}/img2img`,
        img2img({ init_images: [picture.slice(0, 40)] }),
        400,
        /Cannot decode/,
      ],
      ...bomb !== undefined &&
        { "a bomb": [`${api}/img2img`, img2img({ init_images: [bomb] }), 400, /Cannot decode/] as const },
      "too large": [`${api}/txt2img`, { prompt, width: 16384, height: 16384 }, 400, /too large/],
      "too many": [
        `${api}/txt2img`,
        { prompt, batch_size: 16, n_iter: 16 },
        400,
        /256 pictures are too many/,
      ],
      "too many steps": [
        `${api}/txt2img`,
        { prompt, steps: 1e9 },
        400,
        /steps is 1000000000, expected a whole number from 1 to 150/,
      ],
      "a long prompt": [`${api}/txt2img`, { prompt: "x".repeat(1e7) }, 400, /at most 10000 characters/],
      "a huge body": [
        `${api}/txt2img`,
        { prompt: "x".repeat(2.1e7) },
        413,
        /too large, expected at most 20000000 bytes/,
      ],
      "a script": [
        `${api}/txt2img`,
        { prompt, alwayson_scripts: { ControlNet: { args: [{ image: "x" }] } } },
        400,
        /script "ControlNet"/,
      ],
      "hires": [`${api}/txt2img`, { prompt, enable_hr: true }, 400, /enable_hr is true/],
      "an unknown parameter": [
        `${api}/txt2img`,
        { prompt, "__proto__x": 1 },
        400,
        /"__proto__x" is not known/,
      ],
      "a setting": [
        `${api}/txt2img`,
        { prompt, override_settings: { sd_model_checkpoint: "/etc" } },
        400,
        /sd_model_checkpoint/,
      ],
      "an unknown sampler": [`${api}/txt2img`, { prompt, sampler_name: "magic" }, 400, /no sampler "magic"/],
      "another model": [`${base}/v1/images/generations`, { prompt, model: "gpt-9" }, 404, /no such model/],
      "an odd size": [`${base}/v1/images/generations`, { prompt, size: "127x128" }, 400, /multiple of 8/],
      "no prompt": [`${base}/v1/images/generations`, {}, 400, /prompt is missing/],
      "no form": [`${base}/v1/images/edits`, { prompt }, 400, /multipart/],
      "nothing there": [`${base}/v2`, {}, 404, /nothing at POST/],
    };
    for (const [name, [url, body, status, message]] of Object.entries(cases)) {
      await t.step(name, async () => {
        const response = await post(url, body, { headers: shown });
        const text = await response.text();
        assert.equal(response.status, status, text.slice(0, 300));
        const answer = JSON.parse(text);
        assert.match(answer.detail ?? answer.error.message, message);
        assert.ok(text.length < 2000);
      });
    }
    await t.step("whoever may not", async () => {
      const status = async (more: Record<string, string>) => {
        const response = await fetch(`${base}/v1/models`, { headers: more });
        await response.body?.cancel();
        return response.status;
      };
      assert.equal(await status(shown), 200);
      assert.equal(await status({}), 401);
      assert.equal(await status({ authorization: "Bearer wrong" }), 401);
      assert.equal(await status({ ...shown, origin: "https://evil.example" }), 403);
      assert.equal(await status({ ...shown, origin: "https://pages.example" }), 200);
    });
  });
});

Deno.test("a page whose name was bound to this machine is refused", async () => {
  await served({}, async (_, { addr }) => {
    const connection = await Deno.connect({ port: addr.port }); // fetch would not say another host
    await connection.write(
      new TextEncoder().encode("GET /v1/models HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"),
    );
    assert.match(await new Response(connection.readable).text(), /^HTTP\/1.1 403 /);
  });
});

Deno.test("a taken port is said to be", async () => {
  await served({}, async (_, { addr }) => {
    const again = serve(parsedArguments(serveCommand.options, [], { port: String(addr.port) }));
    await assert.rejects(
      again,
      (error) => error instanceof UsageError && /another program listens there/.test(error.message),
    );
  });
});

/** As many clients as asked for at once, of whom each third goes away in the middle. */
Deno.test("many clients at once: none is lost, and each has its own picture", async () => {
  const count = process.env.LONG === "1" ? 64 : 12;
  await served({ queue: String(count) }, async (base) => {
    const ask = (seed: number, signal?: AbortSignal) =>
      post(
        `${base}/v1/images/generations`,
        { prompt, quality: "low", seed },
        signal === undefined ? {} : { signal },
      );
    const before = process.memoryUsage().rss;
    const clients = Array.from({ length: count }, async (_, seed) => {
      if (seed % 3 === 2) {
        await assert.rejects(ask(seed, AbortSignal.timeout(50 * seed)));
        return undefined;
      }
      const response = await ask(seed);
      const { data, error } = await response.json();
      assert.equal(response.status, 200, JSON.stringify(error));
      return (await fromBase64(data[0].b64_json)).data;
    });
    const pictures = await Promise.all(clients);
    const growth = process.memoryUsage().rss - before;
    assert.ok(growth < 300e6, `${growth} bytes more`);
    for (const seed of [0, count - 3]) assert.deepEqual(pictures[seed], await expectedPicture(seed));
    assert.equal((await (await fetch(`${base}/health`)).json()).jobs, 0);
  });
});

Deno.test("a full line is 429, and says when to come again", async () => {
  await served({ queue: "2" }, async (base) => {
    const leave = new AbortController();
    const ask = () =>
      post(`${base}/v1/images/generations`, { prompt, steps: 150, size: "256x256" }, {
        signal: leave.signal,
      });
    const running = [ask(), ask()].map((asked) => assert.rejects(asked));
    while ((await (await fetch(`${base}/health`)).json()).jobs < 2);
    const response = await ask();
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get("retry-after")) >= 1);
    assert.match((await response.json()).error.message, /busy with 2 requests/);
    leave.abort();
    await Promise.all(running);
  });
});

/** Needs Python and PyPI. */
Deno.test("Python's webuiapi, unchanged", { ignore: process.env.LONG !== "1" }, async () => {
  const venv = await Deno.makeTempDir();
  const run = async (command: string, args: string[], stdin = "") => {
    const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" })
      .spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  try {
    await run("python3", ["-m", "venv", venv]);
    await run(`${venv}/bin/pip`, ["install", "--quiet", "webuiapi"]);
    await served({}, async (_, { addr }) => {
      const script = `
import webuiapi
api = webuiapi.WebUIApi(host="127.0.0.1", port=${addr.port}, steps=2)
made = api.txt2img(prompt="${prompt}", seed=7, width=128, height=128)
changed = api.img2img(images=[made.image], prompt="a green tree", seed=7, width=128, height=128)
api.util_set_model(api.util_get_model_names()[0])
api.util_wait_for_ready()
print(made.image.size, changed.image.size, made.info["seed"], api.util_get_current_model(), "Euler a" in api.util_get_sampler_names())
`;
      assert.equal(
        (await run(`${venv}/bin/python`, ["-"], script)).trim().split("\n").at(-1),
        "(128, 128) (128, 128) 7 mini True",
      );
    });
  } finally {
    await Deno.remove(venv, { recursive: true });
  }
});
