const CLEAR = 256;
const END = 257;
const MAX_CODES = 4096;

/**
 * Decodes TIFF's variant of LZW (TIFF 6.0 section 13: most significant bit first, codes widen one early).
 * @param length bytes to produce; what follows them in the stream is ignored
 * @throws Error when the stream ends before, or refers to a code it has not defined
 */
export function decodeLzw(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  const prefix = new Uint16Array(MAX_CODES);
  const last = new Uint8Array(MAX_CODES);
  const lengths = new Uint16Array(MAX_CODES);
  for (let code = 0; code < 256; code++) {
    last[code] = code;
    lengths[code] = 1;
  }
  let next = 258;
  let width = 9;
  let previous = -1;
  let written = 0;
  let at = 0;
  let bits = 0;
  let held = 0;
  while (written < length) {
    while (held < width) {
      const byte = input[at++];
      if (byte === undefined) throw new Error("an LZW stream that ends too early");
      bits = ((bits << 8) | byte) & 0xffffff;
      held += 8;
    }
    const code = (bits >> (held - width)) & ((1 << width) - 1);
    held -= width;
    if (code === END) throw new Error("an LZW stream that ends too early");
    if (code === CLEAR) {
      next = 258;
      width = 9;
      previous = -1;
      continue;
    }
    if (previous < 0 ? code > 255 : code > next) throw new Error("an LZW stream with an undefined code");
    if (previous >= 0 && next < MAX_CODES) {
      // The new code's last byte is the first of the string that is read now, which may be the new one itself.
      prefix[next] = previous;
      lengths[next] = (lengths[previous] ?? 0) + 1;
      last[next] = firstByte(code === next ? previous : code, prefix, last);
      next += 1;
      if (next >= (1 << width) - 1 && width < 12) width += 1;
    } else if (code >= next) {
      throw new Error("an LZW stream with an undefined code");
    }
    written = writeString(code, prefix, last, lengths, output, written);
    previous = code;
  }
  return output;
}

function firstByte(code: number, prefix: Uint16Array, last: Uint8Array): number {
  let current = code;
  while (current > 257) current = prefix[current] ?? 0;
  return last[current] ?? 0;
}

/** Writes a code's string from its end backwards; what does not fit is dropped. */
function writeString(
  code: number,
  prefix: Uint16Array,
  last: Uint8Array,
  lengths: Uint16Array,
  output: Uint8Array,
  start: number,
): number {
  const end = start + (lengths[code] ?? 1);
  let current = code;
  for (let at = end - 1; at >= start; at--) {
    if (at < output.length) output[at] = last[current] ?? 0;
    current = prefix[current] ?? 0;
  }
  return Math.min(end, output.length);
}
