import { type ElementTypeName, elementType } from "../element-types.js";
import {
  type GlobalMeaning,
  Opaque,
  PickleDict,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
  type StorageElementType,
  StorageReference,
  TensorReference,
} from "./pickle-values.js";

/** Thrown when a pickle is not one of weights; the message ends a sentence about the file. */
export class PickleError extends Error {}

/** Longest shape that is accepted; PyTorch itself allows 64 axes. */
const MOST_AXES = 64;

/** Storage classes by name. */
const storages: Readonly<Record<string, StorageElementType>> = {
  DoubleStorage: "float64",
  FloatStorage: "float32",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
  UntypedStorage: "untyped",
};

/** Bytes per element of storages whose values are of no use here. */
const unreadStorages: Readonly<Record<string, number>> = {
  ComplexFloatStorage: 8,
  ComplexDoubleStorage: 16,
  QInt8Storage: 1,
  QInt32Storage: 4,
  QUInt8Storage: 1,
  QUInt4x2Storage: 1,
  QUInt2x4Storage: 1,
};

const dtypes: Readonly<Record<string, ElementTypeName | "unread">> = {
  float64: "float64",
  float32: "float32",
  float16: "float16",
  bfloat16: "bfloat16",
  float8_e4m3fn: "float8_e4m3fn",
  float8_e5m2: "float8_e5m2",
  int64: "int64",
  uint64: "uint64",
  int32: "int32",
  uint32: "uint32",
  int16: "int16",
  uint16: "uint16",
  int8: "int8",
  uint8: "uint8",
  bool: "bool",
  complex64: "unread",
  complex128: "unread",
};

/** Functions and classes that files of weights call, by module and name. */
const calls: Readonly<Record<string, (argument: readonly PickleValue[]) => PickleValue>> = {
  "torch._utils._rebuild_tensor": ([storage, offset, size, stride]) =>
    rebuildTensor(storage, offset, size, stride),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, size, stride]) =>
    rebuildTensor(storage, offset, size, stride),
  "torch._utils._rebuild_tensor_v3": ([storage, offset, size, stride, , , dtype]) =>
    rebuildTensor(storage, offset, size, stride, dtype),
  "torch._utils._rebuild_parameter": ([tensor]) => requireTensor(tensor),
  "torch._utils._rebuild_parameter_with_state": ([tensor]) => requireTensor(tensor),
  "torch._tensor._rebuild_from_type_v2": ([rebuild, , argument]) => rebuildOfType(rebuild, argument),
  "torch.nn.parameter.Parameter": ([tensor]) => requireTensor(tensor),
  "torch.Size": ([size]) => new PickleTuple(size === undefined ? [] : sequence(size)),
  "torch.device": ([type]) => new Opaque(`device ${String(type)}`),
  "collections.OrderedDict": ([pairs]) => orderedDict(pairs),
};

const table: ReadonlyMap<string, GlobalMeaning> = new Map<string, GlobalMeaning>([
  ...Object.entries(calls).map(([name, call]) => [name, { kind: "call", call }] as const),
  ...Object.entries(storages).flatMap(([name, type]) => storageEntries(name, type, storageElementSize(type))),
  ...Object.entries(unreadStorages).flatMap(([name, size]) => storageEntries(name, "unread", size)),
  ...Object.entries(dtypes).map(
    ([name, elementType]) => [`torch.${name}`, { kind: "dtype", elementType }] as const,
  ),
  ["torch.Tensor", { kind: "class" }],
]);

function storageElementSize(type: StorageElementType): number {
  return type === "untyped" || type === "unread" ? 1 : elementType(type).size;
}

/** Storage classes have moved from the one module to the other. */
function storageEntries(name: string, type: StorageElementType, elementSize: number) {
  const meaning: GlobalMeaning = { kind: "storage", elementType: type, elementSize };
  return ["torch", "torch.storage"].map((module) => [`${module}.${name}`, meaning] as const);
}

/**
 * The global of a name.
 * @throws PickleError naming it when it does not rebuild tensors: running it could do anything
 */
export function findGlobal(module: string, name: string): PickleGlobal {
  const full = `${module}.${name}`;
  const meaning = table.get(full);
  if (meaning === undefined) {
    throw new PickleError(`it asks for the Python object "${full}", which is not needed to rebuild tensors`);
  }
  return new PickleGlobal(full, meaning);
}

/** Calls a global as the pickle's REDUCE does. */
export function callGlobal(callee: PickleValue | undefined, argument: PickleValue | undefined): PickleValue {
  if (!(callee instanceof PickleGlobal) || callee.meaning.kind !== "call") {
    const name = callee instanceof PickleGlobal ? callee.name : "a value";
    throw new PickleError(`it calls ${name}, which is no function that rebuilds tensors`);
  }
  return callee.meaning.call(sequence(argument));
}

function rebuildOfType(rebuild: PickleValue | undefined, argument: PickleValue | undefined): PickleValue {
  return requireTensor(callGlobal(rebuild, argument));
}

function rebuildTensor(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  size: PickleValue | undefined,
  stride: PickleValue | undefined,
  dtype?: PickleValue,
): TensorReference {
  if (!(storage instanceof StorageReference)) throw new PickleError("a tensor has no storage");
  const start = naturalNumber(offset, "offset");
  const shape = sequence(size).map((extent) => naturalNumber(extent, "size"));
  const strides = sequence(stride).map((step) => naturalNumber(step, "stride"));
  if (shape.length !== strides.length || shape.length > MOST_AXES) {
    throw new PickleError(`a tensor has ${shape.length} sizes and ${strides.length} strides`);
  }
  return new TensorReference(storage, elementTypeOf(storage, dtype), start, shape, strides);
}

/** The type of a typed storage; with an untyped one the tensor names its own. */
function elementTypeOf(
  storage: StorageReference,
  dtype: PickleValue | undefined,
): ElementTypeName | "unread" {
  if (dtype instanceof PickleGlobal && dtype.meaning.kind === "dtype") return dtype.meaning.elementType;
  if (storage.elementType !== "untyped") return storage.elementType;
  throw new PickleError("a tensor of an untyped storage does not name its element type");
}

function requireTensor(value: PickleValue | undefined): TensorReference {
  if (value instanceof TensorReference) return value;
  throw new PickleError("a parameter holds no tensor");
}

function orderedDict(pairs: PickleValue | undefined): PickleDict {
  const result = new PickleDict();
  for (const pair of pairs === undefined ? [] : sequence(pairs)) {
    const [key, value] = sequence(pair);
    if (key === undefined || value === undefined) throw new PickleError("an OrderedDict is malformed");
    result.entries.set(key, value);
  }
  return result;
}

/** The items of a list or tuple. */
export function sequence(value: PickleValue | undefined): readonly PickleValue[] {
  if (value instanceof PickleTuple) return value.items;
  if (typeof value === "object" && value !== null && "items" in value) return value.items;
  throw new PickleError("it has a single value where a list should be");
}

/** A size, stride, offset or count. */
export function naturalNumber(value: PickleValue | undefined, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new PickleError(`a tensor's ${what} is ${describeValue(value)}`);
}

function describeValue(value: PickleValue | undefined): string {
  return typeof value === "object" ? "not a number" : String(value);
}
