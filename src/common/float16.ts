/**
 * IEEE 754 half precision. Narrowing rounds to the nearest value, ties to even; widening is exact.
 */

const word = new Uint32Array(1);
const wordAsFloat = new Float32Array(word.buffer);

let widened: Float32Array | undefined;

/** The value of every half, by its 16 bits. */
function halfValues(): Float32Array {
  if (widened === undefined) {
    widened = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) widened[bits] = valueOfHalf(bits);
  }
  return widened;
}

/** The value of half bits, exact. */
export function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the half nearest to a float32 given by its bits. */
function halfFromFloatBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above lie nearer to 65536 than to the largest half.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | subnormalHalf(magnitude);
  const roundUp = 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((magnitude - 0x38000000 + roundUp) >>> 13);
}

/** Below 2⁻¹⁴ halves are multiples of 2⁻²⁴: adding 1/2 makes the float unit do exactly that rounding. */
function subnormalHalf(magnitude: number): number {
  word[0] = magnitude;
  wordAsFloat[0] = (wordAsFloat[0] as number) + 0.5;
  return (word[0] as number) - 0x3f000000;
}

/** Narrows float32 values to half bits; values from 65520 on become infinite, NaN stays NaN. */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = halfFromFloatBits(bits[i] as number);
  return halves;
}

/** Widens half bits to float32, exactly. */
export function fromFloat16(
  halves: Uint16Array,
  into: Float32Array = new Float32Array(halves.length),
): Float32Array {
  const values = halfValues();
  for (let i = 0; i < halves.length; i++) into[i] = values[halves[i] as number] as number;
  return into;
}
