import { naturalNumber, PickleError, sequence } from "./globals.js";
import { PickleGlobal, type PickleValue, StorageReference } from "./pickle-values.js";

/**
 * The storage that a persistent id names: ("storage", class, key, location, count) and in old files the view
 * (key, offset, count) of a larger storage or None. The location (`cpu`, `cuda:0`) plays no part here.
 */
export function storageOf(id: PickleValue | undefined): StorageReference {
  const [tag, type, key, , count, view] = sequence(id);
  if (tag !== "storage" || typeof key !== "string") {
    throw new PickleError("it refers to something outside that is not a storage");
  }
  if (!(type instanceof PickleGlobal) || type.meaning.kind !== "storage") {
    throw new PickleError(`the storage "${key}" is of no known class`);
  }
  const { elementType, elementSize } = type.meaning;
  const total = naturalNumber(count, "count of elements");
  if (view === undefined || view === null) {
    return new StorageReference(key, elementType, elementSize, total, 0);
  }
  const [, offset, length] = sequence(view);
  const start = naturalNumber(offset, "view");
  return new StorageReference(key, elementType, elementSize, naturalNumber(length, "view"), start);
}
