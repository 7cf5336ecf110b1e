/** Bytes of buffers that wait to be used again. */
const MOST_BYTES = 8 * 2 ** 20;

const free = new Map<number, ArrayBuffer[]>();
let bytes = 0;
/** Others, such as those of native libraries, cannot be handed to threads. */
const recyclable = new WeakSet<ArrayBuffer>();

/**
 * A buffer of exactly this length, with anything in it. Tiles come and go by the megabyte; using their buffers
 * again spares the garbage collector, which otherwise takes a quarter of the time of random reads.
 */
export function takeTileBuffer(length: number): ArrayBuffer {
  const used = free.get(length)?.pop();
  if (used === undefined) return new ArrayBuffer(length);
  bytes -= length;
  return used;
}

/** Says that pixels came back from a thread in a buffer that was taken here. */
export function markRecyclable({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) recyclable.add(buffer);
}

/**
 * Gives back the buffer of a tile that nobody will read from the next turn of the event loop on: readers copy a
 * tile's pixels in the turn in which they get it.
 */
export function recycleTileBuffer(data: Uint8Array): void {
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer && recyclable.has(buffer)) setImmediate(keep, buffer);
}

function keep(buffer: ArrayBuffer): void {
  if (bytes + buffer.byteLength > MOST_BYTES) return;
  const alike = free.get(buffer.byteLength) ?? [];
  free.set(buffer.byteLength, alike);
  alike.push(buffer);
  bytes += buffer.byteLength;
}

/** The least buffer for stored bytes; others are twice as long as the next smaller one. */
const LEAST_STORED = 2 ** 14;

/** Memory for the stored bytes of a tile, with anything in it; {@link returnStoredBytes} takes it back. */
export function takeStoredBytes(length: number): Uint8Array<ArrayBuffer> {
  let size = LEAST_STORED;
  while (size < length) size *= 2;
  return new Uint8Array(takeTileBuffer(size), 0, length);
}

/** Gives back what {@link takeStoredBytes} gave; nobody may read it any more. */
export function returnStoredBytes({ buffer }: Uint8Array<ArrayBuffer>): void {
  keep(buffer);
}
