import { type FileHandle, open } from "node:fs/promises";
import { EpSamError, messageOf, writeFileAtomically } from "../../common/index.js";
import { elementCount } from "../../graph/index.js";
import { type StoredTensor, storedType, storedTypeName } from "./safetensors-dtypes.js";
import {
  MAXIMUM_HEADER_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
  weightsError,
} from "./safetensors-header.js";

/** The content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The `__metadata__` entries; empty when the file has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** One read call may not ask for more than 2 GiB. */
const LARGEST_READ = 2 ** 30;

/**
 * Reads a safetensors file (https://huggingface.co/docs/safetensors, format section). F16 and BF16 widen to
 * float32; F32, I64, U8 and BOOL are kept. Every tensor gets memory of its own.
 * @throws EpSamError `weights` naming the file and the tensor when anything about the file is not sound
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openForReading(path);
  try {
    const { size } = await file.stat();
    const { header, dataStart } = await readHeader(file, size, path);
    const tensors = new Map<string, StoredTensor>();
    for (const entry of header.entries) {
      tensors.set(entry.name, await readTensor(file, entry, dataStart, path));
    }
    return { tensors, metadata: header.metadata };
  } finally {
    await file.close();
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new EpSamError(
      "weights",
      {
        what: "cannot be opened",
        where: path,
        why: messageOf(cause),
        action: "Check the path and that the file is readable.",
      },
      { cause },
    );
  }
}

async function readHeader(
  file: FileHandle,
  fileSize: number,
  path: string,
): Promise<{ header: SafetensorsHeader; dataStart: number }> {
  if (fileSize < 8) {
    throw weightsError(path, undefined, "is too short for a safetensors file", `${fileSize} bytes`);
  }
  const prefix = await readBytes(file, 0, 8, path);
  const headerLength = new DataView(prefix.buffer).getBigUint64(0, true);
  if (headerLength > BigInt(Math.min(MAXIMUM_HEADER_BYTES, fileSize - 8))) {
    const why = `it announces a header of ${headerLength} bytes in a file of ${fileSize}`;
    throw weightsError(path, undefined, "is not a safetensors file or is truncated", why);
  }
  const dataStart = 8 + Number(headerLength);
  const bytes = await readBytes(file, 8, dataStart - 8, path);
  return { header: parseHeader(bytes, fileSize - dataStart, path), dataStart };
}

async function readTensor(
  file: FileHandle,
  entry: TensorEntry,
  dataStart: number,
  path: string,
): Promise<StoredTensor> {
  const type = storedType(entry.dtype);
  if (type === undefined) throw weightsError(path, entry.name, `has the unread element type ${entry.dtype}`);
  const bytes = await readBytes(file, dataStart + entry.begin, entry.end - entry.begin, path);
  return type.decode(bytes, entry.shape);
}

async function readBytes(
  file: FileHandle,
  position: number,
  length: number,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const wanted = Math.min(length - done, LARGEST_READ);
    const { bytesRead } = await file.read(bytes, done, wanted, position + done);
    if (bytesRead === 0) throw weightsError(path, undefined, "ended while it was being read");
    done += bytesRead;
  }
  return bytes;
}

/**
 * The bytes of a safetensors file. The layout depends on the content alone: tensors by falling element size,
 * then by name, so that each is aligned; the header is padded with spaces to a multiple of eight bytes.
 * @throws EpSamError `internal` when a tensor's data does not fill its shape
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || compareNames(nameA, nameB),
  );
  const fields: [string, unknown][] = [];
  const sortedMetadata = Object.entries(metadata).sort(([a], [b]) => compareNames(a, b));
  if (sortedMetadata.length > 0) fields.push(["__metadata__", Object.fromEntries(sortedMetadata)]);
  let offset = 0;
  for (const [name, tensor] of ordered) {
    checkWritable(name, tensor);
    const end = offset + tensor.data.byteLength;
    fields.push([name, { dtype: storedTypeName(tensor), shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  return assemble(encodeHeader(fields), ordered, offset);
}

/** Joins the entries by hand: an object would put number-like names first. */
function encodeHeader(fields: readonly [string, unknown][]): Uint8Array {
  const body = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",");
  const bytes = new TextEncoder().encode(`{${body}}`);
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
}

function assemble(
  header: Uint8Array,
  ordered: readonly (readonly [string, StoredTensor])[],
  dataLength: number,
): Uint8Array {
  const result = new Uint8Array(8 + header.length + dataLength);
  new DataView(result.buffer).setBigUint64(0, BigInt(header.length), true);
  result.set(header, 8);
  let offset = 8 + header.length;
  for (const [, { data }] of ordered) {
    result.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return result;
}

/** Code-unit order: the same on every machine, unlike a locale's. */
function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function checkWritable(name: string, tensor: StoredTensor): void {
  if (name === "__metadata__" || elementCount(tensor.shape) !== tensor.data.length) {
    throw new EpSamError("internal", {
      what: `tensor "${name}" cannot be written as safetensors`,
      why: `shape [${tensor.shape.join(", ")}], ${tensor.data.length} values`,
    });
  }
}

/**
 * Writes tensors and metadata as a safetensors file, whole or not at all.
 * @throws EpSamError `storage` when the disk refuses, `internal` when a tensor's data does not fill its shape
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomically(path, encodeSafetensors(tensors, metadata));
}
