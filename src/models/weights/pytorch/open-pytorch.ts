import type { RandomAccessFile } from "../../../common/index.js";
import { elementType } from "../element-types.js";
import type { StoredTensorInfo, WeightFile } from "../weight-file.js";
import { weightsError } from "../weights-error.js";
import type { Container } from "./container.js";
import { openLegacyContainer } from "./legacy-container.js";
import type { TensorReference } from "./pickle-values.js";
import { findStateDict } from "./state-dict-search.js";
import { readTensor, viewExtent } from "./tensor-view.js";
import { openZipContainer } from "./zip-container.js";

/** Views may repeat elements; a whole file may grow by this factor and this many bytes in memory. */
const LARGEST_GROWTH = 4;
const GROWTH_ALLOWANCE = 16 * 2 ** 20;

const ZIP_MAGIC = "PK";

/**
 * Opens a PyTorch checkpoint (`.pth`, `.pt`, `.bin`) in either layout. Nothing in the file is run: it may hold
 * tensors, numbers, texts, lists and dicts, and anything else is refused by name.
 * @param file closed with what is returned; the caller closes it when there is an error
 * @param key where the state dict lies, as names separated by dots; found by the usual names when left out
 * @throws EpSamError `weights` when the file is damaged, holds more than tensors, or no state dict
 */
export async function openPytorch(file: RandomAccessFile, key?: string): Promise<WeightFile> {
  const start = new TextDecoder("latin1").decode(await file.read(0, Math.min(2, file.size)));
  const container = start === ZIP_MAGIC ? await openZipContainer(file) : await openLegacyContainer(file);
  return weightFile(file, container, key);
}

function weightFile(file: RandomAccessFile, container: Container, key: string | undefined): WeightFile {
  const { path } = file;
  const found = findStateDict(container.root, key);
  if (found === undefined || found.tensors.size === 0) {
    throw weightsError(
      path,
      undefined,
      key === undefined ? "holds no state dict" : `holds no state dict under "${key}"`,
      "there is no dict of tensors",
      "Name the entry that holds the weights with `key`, for example `key: ema.state_dict`.",
    );
  }
  const budget = new ReadingBudget(file);
  const infos = [...found.tensors].map(([name, tensor]): [string, StoredTensorInfo] => [
    name,
    describe(budget, name, tensor),
  ]);
  return {
    path,
    format: "pytorch",
    tensors: new Map(infos),
    others: found.others,
    metadata: new Map(),
    read: async (name) => {
      const tensor = found.tensors.get(name);
      if (tensor === undefined) throw weightsError(path, name, "is not in the file");
      budget.spend(name, tensor);
      return readTensor(file, container, name, tensor);
    },
    close: () => file.close(),
  };
}

function describe(budget: ReadingBudget, name: string, tensor: TensorReference): StoredTensorInfo {
  budget.require(name, tensor);
  return { shape: tensor.shape, elementType: tensor.elementType };
}

/** Bounds what a small file can make the program hold: tensors with stride 0 repeat their elements. */
class ReadingBudget {
  readonly #path: string;
  readonly #limit: number;
  #spent = 0;

  constructor(file: RandomAccessFile) {
    this.#path = file.path;
    this.#limit = LARGEST_GROWTH * file.size + GROWTH_ALLOWANCE;
  }

  require(name: string, tensor: TensorReference): number {
    const size =
      tensor.elementType === "unread" ? tensor.storage.elementSize : elementType(tensor.elementType).size;
    const bytes = (viewExtent(tensor)?.count ?? Number.POSITIVE_INFINITY) * size;
    if (bytes <= this.#limit) return bytes;
    throw weightsError(this.#path, name, "would take far more memory than the file", `${bytes} bytes`);
  }

  spend(name: string, tensor: TensorReference): void {
    this.#spent += this.require(name, tensor);
    if (this.#spent <= this.#limit) return;
    throw weightsError(this.#path, undefined, "would take far more memory than it has bytes");
  }
}
