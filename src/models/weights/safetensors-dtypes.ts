import { type ElementType, type ElementTypeName, elementType, type StoredTensor } from "./element-types.js";

/** Element types of the safetensors format (its `Dtype`) by their name in the header. */
const elementTypes = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
  I64: "int64",
  U64: "uint64",
  I32: "int32",
  U32: "uint32",
  I16: "int16",
  U16: "uint16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
} as const satisfies Record<string, ElementTypeName>;

/** The element type named by a safetensors header, or undefined when this project does not read it. */
export function storedType(name: string): ElementType | undefined {
  const found = Object.entries(elementTypes).find(([known]) => known === name)?.[1];
  return found === undefined ? undefined : elementType(found);
}

/** The names of all element types that can be read. */
export function storedTypeNames(): string[] {
  return Object.keys(elementTypes);
}

const writtenNames = {
  float64: "F64",
  float32: "F32",
  int64: "I64",
  uint64: "U64",
  int32: "I32",
  uint32: "U32",
  int16: "I16",
  uint16: "U16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
} as const satisfies Record<StoredTensor["dataType"], keyof typeof elementTypes>;

/** The safetensors name under which a tensor is written. */
export function storedTypeName(tensor: StoredTensor): (typeof writtenNames)[StoredTensor["dataType"]] {
  return writtenNames[tensor.dataType];
}
