import { isEpSamError, type RandomAccessFile } from "../../../common/index.js";
import { weightsError } from "../weights-error.js";
import {
  type Container,
  LARGEST_PICKLE,
  type PickleSequence,
  readPickles,
  type StorageRange,
} from "./container.js";
import { PickleDict, PickleList, type PickleValue, type StorageReference } from "./pickle-values.js";

/** First value of the old layout, and the version that follows it in every release that wrote it. */
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
/** Magic number, version, system, the object, the list of storages. */
const PICKLES = 5;
const FIRST_WINDOW = 2 ** 20;
const COUNT_LENGTH = 8;

/**
 * Opens the layout before PyTorch 1.6 (`_use_new_zipfile_serialization=False`): five pickles, then each storage as
 * its count of elements (8 bytes) and their bytes.
 * @throws EpSamError `weights` when it is damaged, of a big-endian machine, or holds more than tensors
 */
export async function openLegacyContainer(file: RandomAccessFile): Promise<Container> {
  const { pickles, length } = await readLeadingPickles(file);
  const [magic, version, system, object, keys] = pickles;
  if (magic?.value !== MAGIC_NUMBER || version?.value !== PROTOCOL_VERSION) {
    throw weightsError(file.path, undefined, "is a pickle, but not one that PyTorch wrote");
  }
  if (system?.value instanceof PickleDict && system.value.entries.get("little_endian") === false) {
    throw weightsError(file.path, undefined, "was written on a big-endian machine");
  }
  const storages = object?.storages ?? new Map<string, StorageReference>();
  const ranges = await locateStorages(file, storageKeys(file, keys?.value), storages, length);
  return {
    root: object?.value ?? null,
    storage: async (key) => {
      const range = ranges.get(key);
      if (range === undefined) throw weightsError(file.path, undefined, `has no storage "${key}"`);
      return range;
    },
  };
}

/** The pickles' length stands nowhere, so ever more of the file is read until they are whole. */
async function readLeadingPickles(file: RandomAccessFile): Promise<PickleSequence> {
  for (let window = FIRST_WINDOW; ; window *= 2) {
    const length = Math.min(window, file.size, LARGEST_PICKLE);
    try {
      return readPickles(file, await file.read(0, length), PICKLES);
    } catch (failure) {
      const isWhole = length === Math.min(file.size, LARGEST_PICKLE);
      if (isWhole || !isEpSamError(failure, "weights")) throw failure;
    }
  }
}

function storageKeys(file: RandomAccessFile, keys: PickleValue | undefined): string[] {
  const items = keys instanceof PickleList ? keys.items : [];
  const names = items.filter((key) => typeof key === "string");
  if (keys instanceof PickleList && names.length === items.length) return names;
  throw weightsError(file.path, undefined, "has a damaged list of storages");
}

async function locateStorages(
  file: RandomAccessFile,
  keys: readonly string[],
  storages: ReadonlyMap<string, StorageReference>,
  from: number,
): Promise<ReadonlyMap<string, StorageRange>> {
  const ranges = new Map<string, StorageRange>();
  let position = from;
  for (const key of keys) {
    const storage = storages.get(key);
    if (storage === undefined) {
      throw weightsError(file.path, undefined, `lists the storage "${key}", which no tensor uses`);
    }
    const count = new DataView((await file.read(position, COUNT_LENGTH)).buffer).getBigUint64(0, true);
    const start = position + COUNT_LENGTH;
    const length = Number(count) * storage.elementSize;
    if (start + length > file.size) {
      const why = `the storage "${key}" should have ${length} bytes`;
      throw weightsError(file.path, undefined, "is cut short", why);
    }
    ranges.set(key, { start, length });
    position = start + length;
  }
  return ranges;
}
