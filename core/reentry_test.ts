/** Calls in their order, calls from inside a stream's loop, and streams that nobody finishes. */
import assert from "node:assert/strict";
import { runScript } from "../backends/_testing.ts";
import { type Events, testModel } from "../tests/_plain_model.ts";
import { Pipeline } from "./pipeline.ts";

const prompt = "a red house";
const later = (milliseconds = 1) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A pipeline that writes down in which order it was served. */
function noting(events: Events): Pipeline {
  return new Pipeline({
    ...testModel({ events }),
    setLoras: ([lora]) => Promise.resolve(void events.push(`loras ${lora!.source}`)).then(() => []),
  }, {
    decodeImage: async () => {
      await later(5); // a picture takes a while to read
      return { width: 16, height: 16, data: new Uint8Array(768) };
    },
  });
}

Deno.test("calls are served in their order, whatever each has to read first", async () => {
  const events: Events = [];
  await using pipeline = noting(events);
  await Promise.all([
    pipeline.generate({ prompt: "first", image: new Uint8Array(1) }),
    pipeline.setLoras([{ source: "second" }]),
    pipeline.generate({ prompt: "third", image: new Uint8Array(1) }),
    pipeline.generate({ prompt: "fourth" }),
    pipeline.setLoras([{ source: "fifth" }]),
  ]);
  assert.deepEqual(events.filter((event) => /encode|loras/.test(event)), [
    "encode first|",
    "loras second",
    "encode third|",
    "encode fourth|",
    "loras fifth",
  ]);
});

Deno.test("a call that is refused before its turn holds up nobody", async () => {
  await using pipeline = noting([]);
  const calls = [
    pipeline.generate({ prompt, steps: 2 }),
    pipeline.generate({ prompt, width: 20 }),
    pipeline.generate({ prompt, steps: 2 }),
  ];
  const results = await Promise.allSettled(calls);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

const calls: Readonly<Record<string, (pipeline: Pipeline) => Promise<unknown>>> = {
  generate: (pipeline) => pipeline.generate({ prompt }),
  prewarm: (pipeline) => pipeline.prewarm(),
  stream: (pipeline) => pipeline.stream({ prompt }).next(),
  setLoras: (pipeline) => pipeline.setLoras([]),
  release: (pipeline) => pipeline.release(),
  dispose: (pipeline) => pipeline[Symbol.asyncDispose](),
};
for (const [name, call] of Object.entries(calls)) {
  Deno.test(`${name} inside the loop over a stream is an error, and the loop goes on`, async () => {
    await using pipeline = noting([]);
    const seen: number[] = [];
    for await (const { index } of pipeline.stream({ prompt, steps: 3 })) {
      seen.push(index);
      if (index === 1) await later(); // the second time after a wait
      await assert.rejects(call(pipeline), { name: "TypeError", message: /between two steps of a stream/ });
    }
    assert.deepEqual(seen, [0, 1, 2]);
    assert.equal((await pipeline.generate({ prompt })).images.length, 1);
  });
}

Deno.test("a call from elsewhere waits for a stream, however long its loop takes", async () => {
  await using pipeline = noting([]);
  const order: string[] = [];
  const elsewhere = later(15).then(async () => {
    order.push("asked");
    await pipeline.generate({ prompt });
    order.push("served");
  });
  for await (const _ of pipeline.stream({ prompt, steps: 3 })) await later(10);
  order.push("stream ended");
  await elsewhere;
  assert.deepEqual(order, ["asked", "stream ended", "served"]);
});

Deno.test("a stream between two steps is given up when its signal fires, and says so when it is asked again", async () => {
  await using pipeline = noting([]);
  const stop = new AbortController();
  const stream = pipeline.stream({ prompt, signal: stop.signal });
  await stream.next();
  stop.abort();
  assert.equal((await pipeline.generate({ prompt })).images.length, 1);
  await assert.rejects(stream.next(), { name: "AbortError" });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

Deno.test("a stream that was ended by hand holds nothing", async () => {
  await using pipeline = noting([]);
  const stream = pipeline.stream({ prompt });
  await stream.next();
  await stream[Symbol.asyncDispose]();
  assert.equal((await pipeline.generate({ prompt })).images.length, 1);
});

Deno.test("a stream that nobody holds any longer is given up when it is collected", async () => {
  const script = `
    import { Pipeline } from "./core/pipeline.ts";
    import { testModel } from "./tests/_plain_model.ts";
    const pipeline = new Pipeline(testModel());
    const signal = new AbortController().signal; // lives on, and must not keep the stream
    for (let i = 0; i < 3; i++) {
      await (() => pipeline.stream({ prompt: "", signal }).next())();
      await new Promise((resolve) => setTimeout(resolve, 5));
      const collecting = setInterval(gc, 5); // a call that comes before the collector waits for it
      gc();
      console.log((await pipeline.generate({ prompt: "" })).images.length);
      clearInterval(collecting);
    }
  `;
  assert.equal(await runScript(script, ["--v8-flags=--expose-gc"]), "1\n1\n1\n");
});

Deno.test("where the platform cannot tell one task from another, as in browsers, a call between two steps is refused", async () => {
  const script = `
    process.getBuiltinModule = undefined;
    const { Pipeline } = await import("./core/pipeline.ts");
    const { testModel } = await import("./tests/_plain_model.ts");
    const pipeline = new Pipeline(testModel());
    for await (const _ of pipeline.stream({ prompt: "", steps: 2 })) {
      console.log(await pipeline.generate({ prompt: "" }).catch(({ name }) => name));
    }
    console.log((await pipeline.generate({ prompt: "" })).images.length);
  `;
  assert.equal(await runScript(script, []), "TypeError\nTypeError\n1\n");
});
