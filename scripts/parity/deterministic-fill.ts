/** FNV-1a, 32 bits, over the UTF-8 bytes of `text`. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The mulberry32 generator: each call gives the next 32-bit draw divided by 2^32. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Numbers uniform in [low, high) that depend on `name` alone, so that another program can produce the same
 * arrays for a comparison without exchanging files: `float32(low + (high - low) * draw)`, row-major.
 */
export function deterministicUniform(name: string, length: number, low: number, high: number): Float32Array {
  const draw = mulberry32(fnv1a(name));
  const values = new Float32Array(length);
  for (let index = 0; index < length; index++) values[index] = low + (high - low) * draw();
  return values;
}
