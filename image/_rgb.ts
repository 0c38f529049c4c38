/** Between the channels that codecs have and the three that a picture has here. */

/**
 * Grey, grey with alpha, RGB or RGBA to RGB, transparent parts on white. `pixels` says how many there are.
 */
export function rgbFrom(data: ArrayLike<number>, pixels: number): Uint8Array {
  const channels = data.length / pixels;
  const [hasColour, hasAlpha] = [channels > 2, channels % 2 === 0];
  const rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const from = i * channels;
    const alpha = hasAlpha ? data[from + channels - 1]! : 255;
    for (let c = 0; c < 3; c++) {
      const value = data[hasColour ? from + c : from]!;
      rgb[3 * i + c] = alpha === 255 ? value : Math.round((value * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return rgb;
}

/** RGB to opaque RGBA, as canvas and the WASM codecs take it. */
export function rgbaFrom(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(rgb.length / 3 * 4).fill(255);
  for (let i = 0; i < rgb.length / 3; i++) {
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = rgb[3 * i + c]!;
  }
  return rgba;
}
