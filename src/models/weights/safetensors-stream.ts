import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EpSamError, isEpSamError, storageError } from "../../common/index.js";
import { elementCount, type FloatTensor, type Shape } from "../../graph/index.js";
import { encodeHeader } from "./safetensors.js";

/** A float32 tensor that is made when its turn comes. */
export interface LazyTensor {
  readonly name: string;
  readonly shape: Shape;
  read(): Promise<FloatTensor>;
}

/**
 * Writes float32 tensors as a safetensors file, whole or not at all, one tensor in memory at a time: checkpoints of
 * several gigabytes are converted with it.
 * @throws EpSamError `storage` when the disk refuses; what reading a tensor throws
 */
export async function streamSafetensors(
  path: string,
  tensors: readonly LazyTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, "wx");
    try {
      await writeAll(file, tensors, metadata);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw isEpSamError(cause) ? cause : storageError(path, cause);
  }
}

async function writeAll(
  file: FileHandle,
  tensors: readonly LazyTensor[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const fields: [string, unknown][] = [["__metadata__", metadata]];
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + 4 * elementCount(shape);
    fields.push([name, { dtype: "F32", shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const header = encodeHeader(fields);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  await file.writeFile(length);
  await file.writeFile(header);
  for (const { name, shape, read } of tensors) {
    const { data } = await read();
    if (data.length !== elementCount(shape)) {
      throw new EpSamError("internal", { what: `tensor "${name}" has ${data.length} values`, where: name });
    }
    await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
