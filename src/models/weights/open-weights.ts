import type { EpSamError, RandomAccessFile } from "../../common/index.js";
import { openOnnx } from "./onnx-initializers.js";
import { INDEX_EXTENSION, openParts } from "./parts.js";
import { openPytorch } from "./pytorch/open-pytorch.js";
import { openSafetensors } from "./safetensors.js";
import type { WeightFile } from "./weight-file.js";
import { openWeightFile, weightsError } from "./weights-error.js";

export interface OpenWeightsOptions {
  /** Where a PyTorch checkpoint holds the state dict, as names separated by dots; found when left out. */
  readonly key?: string | undefined;
}

/**
 * Opens a file of weights of any known format: safetensors, a PyTorch checkpoint of either layout, or ONNX. The
 * content decides, not the file's name; only an index of parts is known by its name, `….index.json`.
 * @throws EpSamError `weights` when the file cannot be read or is of none of these formats
 */
export async function openWeights(path: string, { key }: OpenWeightsOptions = {}): Promise<WeightFile> {
  if (path.endsWith(INDEX_EXTENSION)) return openParts(path, (part) => openWeights(part, { key }));
  const file = await openWeightFile(path);
  try {
    const format = await formatOf(file);
    if (format === "safetensors") return await openSafetensors(file);
    if (format === "pytorch") return await openPytorch(file, key);
  } catch (failure) {
    await file.close();
    throw failure;
  }
  await file.close();
  return openOnnx(path);
}

const PICKLE_PROTOCOL = 0x80;

/** What a file begins with that Git LFS has not fetched: 16 characters of its pointer. */
const LFS_POINTER = "version https://";

function onlyPointer(path: string): EpSamError {
  return weightsError(
    path,
    undefined,
    "is a pointer of Git LFS, not the weights",
    "the repository was cloned without its large files",
    "Fetch them with `git lfs pull` there, or download the file from the model's page.",
  );
}

async function formatOf(file: RandomAccessFile): Promise<WeightFile["format"]> {
  const { path, size } = file;
  const start = await file.read(0, Math.min(16, size));
  const [first = 0, second = 0] = start;
  if (new TextDecoder().decode(start) === LFS_POINTER) throw onlyPointer(path);
  // First of all, because the length of a safetensors header can begin with any byte.
  if (isSafetensors(start, size)) return "safetensors";
  const isZip = first === 0x50 && second === 0x4b;
  if (isZip || first === PICKLE_PROTOCOL) return "pytorch";
  // An ONNX model begins with its IR version.
  if (first === 0x08 && second < 0x80) return "onnx";
  if (path.endsWith(".safetensors")) return "safetensors";
  throw weightsError(
    path,
    undefined,
    "is not a file of weights of a known format",
    "it begins neither as safetensors nor as a PyTorch checkpoint nor as ONNX",
    "Give a .safetensors, .pth, .pt or .onnx file; a download that failed can be an HTML page.",
  );
}

/** The header's length in eight bytes, no longer than the file, and then JSON. */
function isSafetensors(start: Uint8Array, size: number): boolean {
  if (start.length < 10 || start[8] !== 0x7b) return false;
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return length <= BigInt(size - 8);
}
