import type { RandomAccessFile } from "../../../common/index.js";
import { elementCount } from "../../../graph/index.js";
import { type ElementType, elementType, type StoredTensor } from "../element-types.js";
import { weightsError } from "../weights-error.js";
import type { Container } from "./container.js";
import type { TensorReference } from "./pickle-values.js";

/** Where a tensor's elements lie in its storage, in elements of the tensor. */
export interface ViewExtent {
  /** Elements of the tensor. */
  readonly count: number;
  /** Distance from the first element to behind the last one touched. */
  readonly span: number;
  readonly isContiguous: boolean;
}

/**
 * The extent of a view.
 * @returns undefined when its numbers are beyond anything that fits in memory
 */
export function viewExtent({ shape, strides }: TensorReference): ViewExtent | undefined {
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count)) return undefined;
  if (count === 0) return { count, span: 0, isContiguous: true };
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), 0);
  if (!Number.isSafeInteger(last)) return undefined;
  return { count, span: last + 1, isContiguous: hasRowMajorStrides(shape, strides) };
}

/** Axes of size 1 may have any stride. */
function hasRowMajorStrides(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/**
 * Reads a tensor's elements in row-major order, whatever its strides. Only the bytes it touches are read.
 * @throws EpSamError `weights` when they are not in the file or of a type that is not read
 */
export async function readTensor(
  file: RandomAccessFile,
  container: Container,
  name: string,
  tensor: TensorReference,
): Promise<StoredTensor> {
  if (tensor.elementType === "unread") throw weightsError(file.path, name, "is of a type that is not read");
  const type = elementType(tensor.elementType);
  const extent = viewExtent(tensor);
  if (extent === undefined) throw weightsError(file.path, name, "is larger than any file");
  const start = await firstByte(file, container, name, tensor, type, extent);
  const bytes = await file.read(start, extent.span * type.size);
  const ordered = extent.isContiguous ? bytes : gather(bytes, tensor, extent.count, type.size);
  return type.decode(ordered, tensor.shape);
}

/** Position of the first element in the file, after checking that the storage holds every element. */
async function firstByte(
  file: RandomAccessFile,
  container: Container,
  name: string,
  { storage, offset }: TensorReference,
  type: ElementType,
  { span }: ViewExtent,
): Promise<number> {
  const size = storage.elementType === "untyped" ? type.size : storage.elementSize;
  const available = Math.floor((storage.count * storage.elementSize) / size);
  if (size !== type.size || offset + span > available) {
    const why = `it reaches element ${offset + span} of a storage of ${available}`;
    throw weightsError(file.path, name, "lies outside its storage", why);
  }
  const range = await container.storage(storage.key);
  const first = storage.start * storage.elementSize + offset * size;
  if (first + span * size > range.length) {
    const why = `it needs byte ${first + span * size} of ${range.length}`;
    throw weightsError(file.path, name, "lies outside its storage", why);
  }
  return range.start + first;
}

/** Copies elements from where the strides put them into row-major order. */
function gather(
  bytes: Uint8Array,
  { shape, strides }: TensorReference,
  count: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  let source = 0;
  for (let target = 0; target < count; target++) {
    for (let byte = 0; byte < size; byte++) result[target * size + byte] = bytes[source * size + byte] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        source += strides[axis] ?? 0;
        break;
      }
      source -= (next - 1) * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return result;
}
