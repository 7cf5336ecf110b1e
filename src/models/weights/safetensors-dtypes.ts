import { floatTensor, type HostTensor } from "../../graph/index.js";

/** A named array as read from or written to a weight file; `data` is row-major. */
export type StoredTensor =
  | HostTensor
  | { readonly dataType: "uint8"; readonly shape: readonly number[]; readonly data: Uint8Array };

interface StoredType {
  /** Bytes per element in the file. */
  readonly elementSize: number;
  /** Turns the tensor's own little-endian bytes (at offset 0 of their buffer) into typed data. */
  decode(bytes: Uint8Array<ArrayBuffer>, shape: readonly number[]): StoredTensor;
}

/** The element types of the safetensors format this project reads; half precisions widen to float32. */
const storedTypes: Readonly<Record<string, StoredType>> = {
  F32: {
    elementSize: 4,
    decode: (bytes, shape) => floatTensor(shape, new Float32Array(bytes.buffer)),
  },
  F16: {
    elementSize: 2,
    decode: (bytes, shape) => floatTensor(shape, widenFloat16(new Uint16Array(bytes.buffer))),
  },
  BF16: {
    elementSize: 2,
    decode: (bytes, shape) => floatTensor(shape, widenBfloat16(new Uint16Array(bytes.buffer))),
  },
  I64: {
    elementSize: 8,
    decode: (bytes, shape) => ({ dataType: "int64", shape, data: new BigInt64Array(bytes.buffer) }),
  },
  U8: { elementSize: 1, decode: (bytes, shape) => ({ dataType: "uint8", shape, data: bytes }) },
  BOOL: { elementSize: 1, decode: (bytes, shape) => ({ dataType: "bool", shape, data: bytes }) },
};

/** The stored type named by a safetensors header, or undefined when this project does not read it. */
export function storedType(name: string): StoredType | undefined {
  return Object.hasOwn(storedTypes, name) ? storedTypes[name] : undefined;
}

/** The names of all element types that can be read. */
export function storedTypeNames(): string[] {
  return Object.keys(storedTypes);
}

/** The safetensors name under which a tensor is written. */
export function storedTypeName(tensor: StoredTensor): "F32" | "I64" | "U8" | "BOOL" {
  const names = { float32: "F32", int64: "I64", uint8: "U8", bool: "BOOL" } as const;
  return names[tensor.dataType];
}

/** IEEE 754 half precision to single precision, exact. */
export function widenFloat16(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** bfloat16 to single precision: the same bits with sixteen zeros below. */
export function widenBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}
