/** Decompression by the platform, with an end in sight. */

/**
 * So little goes in at once that not even the tightest stream, 1:1032, gives more than 17 MB in one piece.
 */
const pieceLength = 16_384;

/**
 * The pieces of what a zlib stream holds.
 *
 * @throws {RangeError} As soon as they are more than `limit` bytes.
 * @throws {TypeError} If the stream is damaged.
 */
export async function* inflate(stream: Iterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  const pieces = cut(stream);
  const source = new ReadableStream<BufferSource>({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    for (let length = 0;;) {
      const { value, done } = await reader.read();
      if (done) return;
      length += value.length;
      if (length > limit) throw new RangeError(`Cannot decompress: more than ${limit} bytes come out.`);
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // of a stream that failed, which has been thrown already
  }
}

function* cut(stream: Iterable<Uint8Array>): Generator<Uint8Array, undefined> {
  for (const bytes of stream) {
    for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
  }
}
