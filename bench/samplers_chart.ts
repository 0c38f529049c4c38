/** A picture of lines on logarithmic axes, as SVG. */

/** One line. */
export interface Line {
  readonly name: string;
  /** x and y, both above 0. */
  readonly points: readonly (readonly [number, number])[];
}

/** One pair of axes. */
export interface Panel {
  readonly title: string;
  readonly y: string;
  readonly lines: readonly Line[];
  /** A level that no line can get below. */
  readonly floor?: { readonly value: number; readonly name: string };
}

/** What is drawn. */
export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly panels: readonly Panel[];
}

const PANEL = { width: 420, height: 420, left: 70, top: 70, labels: 150 } as const;

/** Draws panels side by side, each line named at its end. */
export function logLogChart({ title, x, panels }: Chart): string {
  const each = PANEL.left + PANEL.width + PANEL.labels;
  const [width, height] = [panels.length * each, PANEL.top + PANEL.height + 60];
  const parts = panels.map((panel, i) =>
    `<g transform="translate(${i * each + PANEL.left} ${PANEL.top})">${draw(panel, x)}</g>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text({ x: width / 2, y: 28, anchor: "middle", size: 17 }, title),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function draw({ title, y: yName, lines, floor }: Panel, xName: string): string {
  const { width, height } = PANEL;
  const all = lines.flatMap(({ points }) => points);
  const xAxis = axis(all.map(([x]) => x), width);
  const yAxis = axis([...all.map(([, y]) => y), ...floor === undefined ? [] : [floor.value]], height);
  const [toX, toY] = [xAxis.position, (value: number) => height - yAxis.position(value)];

  const grid = [
    ...xAxis.ticks.map((tick) => `<path d="M${toX(tick)} 0V${height}" stroke="#ddd"/>`),
    ...yAxis.ticks.map((tick) => `<path d="M0 ${toY(tick)}H${width}" stroke="#ddd"/>`),
    ...xAxis.ticks.map((tick) => text({ x: toX(tick), y: height + 18, anchor: "middle" }, String(tick))),
    ...yAxis.ticks.map((tick) => text({ x: -8, y: toY(tick) + 4, anchor: "end" }, String(tick))),
  ];
  const names = [
    text({ x: width / 2, y: -14, anchor: "middle", size: 14 }, title),
    text({ x: width / 2, y: height + 42, anchor: "middle" }, xName),
    `<g transform="rotate(-90)">${text({ x: -height / 2, y: -50, anchor: "middle" }, yName)}</g>`,
  ];
  const bottom = floor === undefined ? [] : [
    `<path d="M0 ${toY(floor.value)}H${width}" stroke="#888" stroke-dasharray="2 4"/>`,
    text({ x: 4, y: toY(floor.value) - 5, anchor: "start", colour: "#666" }, floor.name),
  ];

  const ends = lines.map(({ points }) => points[points.length - 1]!);
  const labels = spread(ends.map(([, y]) => toY(y)), 14);
  const curves = lines.flatMap(({ name, points }, i) => {
    const colour = `hsl(${Math.round(360 * i / lines.length)} 75% ${i % 2 === 0 ? 38 : 52}%)`;
    const path = points.map(([x, y], k) => `${k === 0 ? "M" : "L"}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`)
      .join("");
    const end = ends[i]!;
    const tie = `M${toX(end[0]).toFixed(1)} ${toY(end[1]).toFixed(1)}L${width + 8} ${labels[i]!.toFixed(1)}`;
    return [
      `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map(([x, y]) =>
        `<circle cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}" r="2.5" fill="${colour}"/>`
      ),
      `<path d="${tie}" fill="none" stroke="${colour}" stroke-opacity="0.4"/>`,
      text({ x: width + 11, y: labels[i]! + 4, anchor: "start", colour }, name),
    ];
  });
  return [...grid, ...names, ...bottom, ...curves].join("\n");
}

/** A logarithmic axis over the values; ticks at powers of ten, or at 1, 2 and 5 of each where there are few. */
function axis(values: readonly number[], length: number): {
  readonly ticks: readonly number[];
  position(value: number): number;
} {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const margin = 0.05 * (high - low);
  const [from, to] = [low - margin, high + margin];
  const steps = high - low > 3 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(from); power <= to; power++) {
    for (const step of steps) {
      const exponent = power + Math.log10(step);
      if (exponent >= from && exponent <= to) ticks.push(Number((step * 10 ** power).toPrecision(3)));
    }
  }
  return { ticks, position: (value) => (Math.log10(value) - from) / (to - from) * length };
}

/** Moves labels apart to at least `gap`, keeping their order. */
function spread(positions: readonly number[], gap: number): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a]! - positions[b]!);
  const moved = [...positions];
  order.forEach((i, k) => {
    if (k > 0) moved[i] = Math.max(moved[i]!, moved[order[k - 1]!]! + gap);
  });
  const over = Math.max(0, moved[order[order.length - 1]!]! - PANEL.height);
  order.toReversed().forEach((i, k, reversed) => {
    const limit = k === 0 ? moved[i]! - over : moved[reversed[k - 1]!]! - gap;
    moved[i] = Math.min(moved[i]!, limit);
  });
  return moved;
}

function text(
  { x, y, anchor, size = 12, colour = "#222" }: {
    readonly x: number;
    readonly y: number;
    readonly anchor: "start" | "middle" | "end";
    readonly size?: number;
    readonly colour?: string;
  },
  content: string,
): string {
  return `<text x="${x.toFixed(1)}" y="${
    y.toFixed(1)
  }" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${content}</text>`;
}
