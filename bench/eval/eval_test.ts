import assert from "node:assert/strict";
import { native } from "../../backends/native.ts";
import { maxAbsDifference, readFixture } from "../../tests/_fixtures.ts";
import { type Found, loadDetector } from "./detector.ts";
import { readSheet } from "./scenes.ts";
import { paired, proportion, relations, type Request, sharpness, shows, spread } from "./score.ts";

Deno.test("the judge computes what PyTorch computes, and finds what was rendered", async () => {
  const io = await readFixture("../data/detector_io.safetensors");
  const pictures = io.get("pictures")!;
  const expected = io.float32("out");
  await using detector = await loadDetector(native());
  const size = 3 * 128 * 128;
  for (let i = 0; i < 3; i++) {
    const planar = pictures.data.slice(i * size, (i + 1) * size) as Uint8Array;
    const data = Uint8Array.from(planar, (_, j) => planar[j % 3 * 128 * 128 + Math.floor(j / 3)]!);
    const image = { width: 128, height: 128, data };
    const { data: out } = await detector.raw(image);
    const off = maxAbsDifference(out, expected.data.subarray(i * out.length, (i + 1) * out.length));
    assert.ok(off < 1e-3, `${off} off`); // logits up to 20, weights in half precision on both sides
    const found = await detector.detect(image);
    assert.ok(found.length > 0, `nothing found in picture ${i}`);
  }
});

const thing = (kind: string, colour: string, x: number, y: number): Found => ({
  kind,
  colour,
  x,
  y,
  width: 30,
  height: 30,
  confidence: 0.9,
});
const asked = (request: Partial<Request>): Request => ({
  tag: "single_object",
  prompt: "",
  kinds: ["house"],
  count: 1,
  colours: [null],
  position: null,
  unseen: false,
  ...request,
});

Deno.test("a picture shows a request when every part of it is there", () => {
  const house = thing("house", "red", 30, 60);
  const moon = thing("moon", "blue", 90, 60);
  assert.ok(shows([house], asked({})));
  assert.ok(!shows([moon], asked({})));
  assert.ok(shows([house], asked({ tag: "colors", colours: ["red"] })));
  assert.ok(!shows([house], asked({ tag: "colors", colours: ["blue"] })));
  const three = [house, thing("house", "red", 60, 60), thing("house", "red", 90, 60)];
  assert.ok(shows(three, asked({ tag: "counting", count: 3 })));
  assert.ok(!shows([...three, thing("house", "red", 90, 20)], asked({ tag: "counting", count: 3 })));
  const both = { tag: "position", kinds: ["house", "moon"], colours: [null, null] };
  assert.ok(shows([house, moon], asked({ ...both, position: "left of" })));
  assert.ok(!shows([house, moon], asked({ ...both, position: "above" })));
});

Deno.test("relations hold beyond half of the shortened offset", () => {
  assert.deepEqual([...relations(thing("a", "red", 20, 20), thing("b", "red", 90, 90))], [
    "left of",
    "above",
  ]);
  assert.deepEqual([...relations(thing("a", "red", 60, 60), thing("b", "red", 62, 60))], []);
});

Deno.test("the interval is Wilson's", () => {
  const { low, high } = proportion(80, 100);
  assert.deepEqual([low.toFixed(3), high.toFixed(3)], ["0.711", "0.867"]);
});

Deno.test("sharpness is zero on a plain picture and grows with edges", () => {
  const plain = { width: 4, height: 4, data: new Uint8Array(48).fill(100) };
  const edged = { ...plain, data: plain.data.map((_, i) => Math.floor(i / 3) % 4 < 2 ? 0 : 255) };
  assert.equal(sharpness(plain), 0);
  assert.ok(sharpness(edged) > 0.2);
});

Deno.test("spread is the mean distance of all pairs", () => {
  const plain = (level: number) => ({ width: 2, height: 2, data: new Uint8Array(12).fill(level) });
  assert.equal(spread([plain(0), plain(10), plain(30)]), 20);
});

Deno.test("the judge finds in the sheet's rendered pictures what their prompts ask for", async () => {
  const { requests, pictures } = await readSheet();
  assert.equal(requests.length, pictures.length);
  await using detector = await loadDetector(native());
  for (const [i, request] of requests.entries()) {
    assert.ok(shows(await detector.detect(pictures[i]!), request), request.prompt);
    const other = requests[(i + 1) % requests.length]!;
    assert.ok(!shows(await detector.detect(pictures[i]!), other), `${other.prompt} in another's picture`);
  }
});

Deno.test("a paired difference is narrower than that of its shares where the runs agree", () => {
  const these = Array.from({ length: 100 }, (_, i) => i % 2 === 0 || i < 10);
  const those = these.map((right, i) => i < 4 ? !right : right);
  const { difference, low, high } = paired(these, those);
  assert.ok(Math.abs(difference - 0.04) < 1e-12);
  assert.ok(low > 0 && high < 0.08, `${low}–${high}`);
  assert.equal(paired(those, these).difference, -difference);
});
