import { fromFloat16, valueOfHalf } from "../../common/index.js";
import { type FloatTensor, floatTensor, type HostTensor, type Shape } from "../../graph/index.js";
import { weightsError } from "./weights-error.js";

/** A named array as read from or written to a weight file; `data` is row-major. */
export type StoredTensor =
  | HostTensor
  | { readonly dataType: "float64"; readonly shape: Shape; readonly data: Float64Array }
  | { readonly dataType: "uint8"; readonly shape: Shape; readonly data: Uint8Array }
  | { readonly dataType: "int8"; readonly shape: Shape; readonly data: Int8Array }
  | { readonly dataType: "uint16"; readonly shape: Shape; readonly data: Uint16Array }
  | { readonly dataType: "int16"; readonly shape: Shape; readonly data: Int16Array }
  | { readonly dataType: "uint32"; readonly shape: Shape; readonly data: Uint32Array }
  | { readonly dataType: "int32"; readonly shape: Shape; readonly data: Int32Array }
  | { readonly dataType: "uint64"; readonly shape: Shape; readonly data: BigUint64Array };

/** How one element type of a file becomes a {@link StoredTensor}. */
export interface ElementType {
  readonly name: ElementTypeName;
  /** Bytes per element in the file. */
  readonly size: number;
  /** Turns the tensor's own little-endian bytes (at offset 0 of their buffer) into typed data. */
  decode(bytes: Uint8Array<ArrayBuffer>, shape: Shape): StoredTensor;
}

type Decode = (bytes: Uint8Array<ArrayBuffer>, shape: Shape) => StoredTensor;

const table = {
  float64: [8, (bytes, shape) => ({ dataType: "float64", shape, data: new Float64Array(bytes.buffer) })],
  float32: [4, (bytes, shape) => floatTensor(shape, new Float32Array(bytes.buffer))],
  float16: [2, (bytes, shape) => floatTensor(shape, fromFloat16(new Uint16Array(bytes.buffer)))],
  bfloat16: [2, (bytes, shape) => floatTensor(shape, widenBfloat16(new Uint16Array(bytes.buffer)))],
  float8_e4m3fn: [1, (bytes, shape) => floatTensor(shape, Float32Array.from(bytes, valueOfE4m3))],
  float8_e5m2: [1, (bytes, shape) => floatTensor(shape, Float32Array.from(bytes, valueOfE5m2))],
  int64: [8, (bytes, shape) => ({ dataType: "int64", shape, data: new BigInt64Array(bytes.buffer) })],
  uint64: [8, (bytes, shape) => ({ dataType: "uint64", shape, data: new BigUint64Array(bytes.buffer) })],
  int32: [4, (bytes, shape) => ({ dataType: "int32", shape, data: new Int32Array(bytes.buffer) })],
  uint32: [4, (bytes, shape) => ({ dataType: "uint32", shape, data: new Uint32Array(bytes.buffer) })],
  int16: [2, (bytes, shape) => ({ dataType: "int16", shape, data: new Int16Array(bytes.buffer) })],
  uint16: [2, (bytes, shape) => ({ dataType: "uint16", shape, data: new Uint16Array(bytes.buffer) })],
  int8: [1, (bytes, shape) => ({ dataType: "int8", shape, data: new Int8Array(bytes.buffer) })],
  uint8: [1, (bytes, shape) => ({ dataType: "uint8", shape, data: bytes })],
  bool: [1, (bytes, shape) => ({ dataType: "bool", shape, data: bytes })],
} as const satisfies Record<string, readonly [size: number, decode: Decode]>;

/** Element types by PyTorch's name. Those narrower than float32 widen to it, exactly. */
export type ElementTypeName = keyof typeof table;

/** The element type of a name. */
export function elementType(name: ElementTypeName): ElementType {
  const [size, decode] = table[name];
  return { name, size, decode };
}

/**
 * Reads a floating-point tensor as float32; double precision is rounded.
 * @throws EpSamError `weights` when it holds something else
 */
export async function readFloatTensor(
  file: { readonly path: string; read(name: string): Promise<StoredTensor> },
  name: string,
): Promise<FloatTensor> {
  const tensor = await file.read(name);
  if (tensor.dataType === "float32") return tensor;
  if (tensor.dataType === "float64") return floatTensor(tensor.shape, new Float32Array(tensor.data));
  const what = `holds ${tensor.dataType}, not floating-point numbers`;
  throw weightsError(file.path, name, what, undefined, "Use a checkpoint of model weights.");
}

/** bfloat16 to single precision: the same bits with sixteen zeros below. */
export function widenBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  // A loop, since `from` with a callback takes many times as long.
  for (let index = 0; index < bits.length; index++) bits[index] = (halves[index] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

/** Open Compute 8-bit floating point E5M2: the upper half of a half-precision number. */
function valueOfE5m2(byte: number): number {
  return valueOfHalf(byte << 8);
}

/** Open Compute 8-bit floating point E4M3 without infinities; all exponent and fraction bits set is NaN. */
function valueOfE4m3(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >>> 3) & 0xf;
  const fraction = byte & 0x7;
  if (exponent === 0xf && fraction === 7) return Number.NaN;
  if (exponent === 0) return (sign * fraction) / 512;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}
