/** A table of pictures with its heads in letters. */
import font from "oled-font-5x7";
import type { Image } from "../core/image.ts";

/** What is on a sheet. */
export interface Sheet {
  /** Over the columns, left to right. */
  readonly columns: readonly string[];
  /** Before the rows, top to bottom. */
  readonly rows: readonly string[];
  /** Row by row, all of one size; absent ones stay white. */
  readonly pictures: readonly (Image | undefined)[];
}

const [white, black] = [255, 0];
const gap = 4;
/** Pixels of a pixel of the font. */
const scale = 2;
const [advance, lineHeight] = [(font.width + 1) * scale, (font.height + 2) * scale];

/**
 * The sheet as one picture. Letters that the font lacks stand as question marks.
 *
 * @throws {RangeError} If there is no picture.
 */
export function labelledSheet({ columns, rows, pictures }: Sheet): Image {
  const first = pictures.find((picture) => picture !== undefined);
  if (first === undefined) throw new RangeError("Cannot make a sheet: it has no picture.");
  const { width, height } = first;
  const heads = columns.map((text) => wrapped(text, Math.max(Math.floor(width / advance), 1)));
  const longest = Math.max(0, ...rows.map((text) => text.length));
  const sides = rows.map((text) =>
    wrapped(text, Math.max(Math.min(longest, Math.floor(width / advance)), 1))
  );
  const top = Math.max(0, ...heads.map((lines) => lines.length)) * lineHeight + gap;
  const left = Math.max(0, ...sides.flat().map((line) => line.length)) * advance + gap;
  const sheet = {
    width: left + columns.length * (width + gap),
    height: top + rows.length * (height + gap),
  };
  const data = new Uint8Array(3 * sheet.width * sheet.height).fill(white);
  const place = (column: number, row: number) =>
    [left + column * (width + gap), top + row * (height + gap)] as const;
  pictures.forEach((picture, i) => {
    const [x, y] = place(i % columns.length, Math.floor(i / columns.length));
    for (let line = 0; picture !== undefined && line < height; line++) {
      const pixels = picture.data.subarray(3 * line * width, 3 * (line + 1) * width);
      data.set(pixels, 3 * ((y + line) * sheet.width + x));
    }
  });
  const write = (lines: readonly string[], x: number, y: number) =>
    lines.forEach((line, i) => writeLine({ ...sheet, data }, line, x, y + i * lineHeight));
  heads.forEach((lines, column) => write(lines, place(column, 0)[0], gap));
  sides.forEach((lines, row) => write(lines, gap, place(0, row)[1]));
  return { ...sheet, data };
}

/** Lines of at most so many letters; words are cut where they must. */
function wrapped(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {for (let at = 0; at === 0 || at < word.length; at += letters) {
        lines.push(word.slice(at, at + letters));
      }}
  }
  return lines;
}

/** A letter is columns of bits, the lowest on top. */
function writeLine({ width, height, data }: Image, line: string, left: number, top: number): void {
  [...line].forEach((letter, i) => {
    const found = font.lookup.indexOf(letter);
    const start = (found < 0 ? font.lookup.indexOf("?") : found) * font.width;
    for (let column = 0; column < font.width * scale; column++) {
      for (let row = 0; row < font.height * scale; row++) {
        const isInk = (font.fontData[start + Math.floor(column / scale)]! >> Math.floor(row / scale)) & 1;
        const [x, y] = [left + i * advance + column, top + row];
        if (isInk === 1 && x < width && y < height) {
          data.fill(black, 3 * (y * width + x), 3 * (y * width + x + 1));
        }
      }
    }
  });
}
