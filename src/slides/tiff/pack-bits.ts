/**
 * Decodes PackBits runs (TIFF 6.0 section 9).
 * @param length bytes to produce; what follows them in the stream is ignored
 * @throws Error when the stream ends before
 */
export function decodePackBits(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  let at = 0;
  let written = 0;
  while (written < length) {
    const control = input[at++];
    if (control === undefined) throw new Error("a PackBits stream that ends too early");
    if (control === 128) continue;
    if (control < 128) {
      const literal = input.subarray(at, at + control + 1);
      if (literal.length <= control) throw new Error("a PackBits stream that ends too early");
      output.set(literal.subarray(0, length - written), written);
      at += literal.length;
      written += literal.length;
    } else {
      const value = input[at++];
      if (value === undefined) throw new Error("a PackBits stream that ends too early");
      output.fill(value, written, written + 257 - control);
      written += 257 - control;
    }
  }
  return output;
}
