import type { RandomAccessFile } from "../../../common/index.js";
import { weightsError } from "../weights-error.js";
import { ByteCursor, EndOfBytes } from "./byte-cursor.js";
import { PickleError } from "./globals.js";
import type { PickleValue } from "./pickle-values.js";
import { type Unpickled, unpickle } from "./unpickle.js";

/** Where a storage lies in the file. */
export interface StorageRange {
  /** Byte at which it begins. */
  readonly start: number;
  /** Bytes it has. */
  readonly length: number;
}

/** A PyTorch file of either layout: the pickled object and where its storages lie. */
export interface Container {
  readonly root: PickleValue;
  /**
   * @throws EpSamError `weights` when the file has no such storage
   */
  storage(key: string): Promise<StorageRange>;
}

/** Pickles of the largest models take a few megabytes: names and sizes, no values. */
export const LARGEST_PICKLE = 64 * 2 ** 20;

/**
 * Reads pickles that follow each other in memory.
 * @throws EpSamError `weights` saying what the file asks for beyond tensors, or that it is damaged
 */
export function readPickles(file: RandomAccessFile, bytes: Uint8Array, count: number): PickleSequence {
  const cursor = new ByteCursor(bytes);
  try {
    const pickles = Array.from({ length: count }, () => unpickle(cursor));
    return { pickles, length: cursor.position };
  } catch (failure) {
    if (failure instanceof PickleError) throw refused(file, failure.message);
    if (failure instanceof EndOfBytes) {
      throw weightsError(file.path, undefined, "is not a whole PyTorch checkpoint", failure.message);
    }
    throw failure;
  }
}

export interface PickleSequence {
  readonly pickles: readonly Unpickled[];
  /** Bytes that the pickles take. */
  readonly length: number;
}

/** A file that is no checkpoint of weights alone. */
export function refused(file: RandomAccessFile, why: string) {
  return weightsError(
    file.path,
    undefined,
    "is not a checkpoint of weights alone",
    why,
    "If you trust the file, load it in PyTorch and save the weights alone: torch.save(model.state_dict(), PATH).",
  );
}
