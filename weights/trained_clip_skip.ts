/**
 * How many layers of the text encoder were left out in training, as the header of a file says.
 *
 * @module
 */

/**
 * Layers that were left out, as kohya's trainer and ModelSpec say, who count from 1; 0 where neither says more.
 *
 * @param metadata Strings of a safetensors header.
 */
export function trainedClipSkip(metadata: Readonly<Record<string, string>> = {}): number {
  const said = Number(metadata["ss_clip_skip"] ?? metadata["modelspec.encoder_layer"]);
  return Number.isInteger(said) && said > 1 ? said - 1 : 0;
}
