import {
  compareText,
  EpSamError,
  hashBytes,
  joinedBytes,
  type RandomAccessFile,
  streamFileAtomically,
} from "../../common/index.js";
import { elementCount } from "../../graph/index.js";
import type { StoredTensor } from "./element-types.js";
import { storedTypeName } from "./safetensors-dtypes.js";
import { MAXIMUM_HEADER_BYTES, parseHeader, type SafetensorsHeader } from "./safetensors-header.js";
import type { WeightFile } from "./weight-file.js";
import { openWeightFile, weightsError } from "./weights-error.js";

/** The content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The `__metadata__` entries; empty when the file has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The metadata entry of our own files with the SHA-256 of what the file would be without it. */
const CONTENT_HASH = "content_sha256";

/**
 * Reads a safetensors file (https://huggingface.co/docs/safetensors, format section) whole. Floating-point types
 * narrower than float32 widen to it, the others are kept. Every tensor gets memory of its own.
 * @throws EpSamError `weights` naming the file and the tensor when anything about the file is not sound, or it is not
 *   as {@link writeSafetensors} wrote it
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const bytes = await openWeightFile(path);
  try {
    const file = await openSafetensors(bytes);
    const tensors = new Map<string, StoredTensor>();
    for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
    const metadata = new Map(file.metadata);
    const written = metadata.get(CONTENT_HASH);
    metadata.delete(CONTENT_HASH);
    if (written !== undefined) requireContent({ tensors, metadata }, written, path);
    return { tensors, metadata };
  } finally {
    await bytes.close();
  }
}

/** @throws EpSamError `weights` when the content is not what the file says it was written with */
function requireContent({ tensors, metadata }: SafetensorsFile, written: string, path: string): void {
  const found = hashBytes(...piecesOf(tensors, Object.fromEntries(metadata)));
  if (found === written) return;
  const why = `it was written with the content of SHA-256 ${written}, and now has ${found}`;
  throw weightsError(path, undefined, "has changed since it was written", why);
}

/**
 * A safetensors file whose tensors are read one by one.
 * @param file closed with what is returned; the caller closes it when there is an error
 * @throws EpSamError `weights` when its header is not sound
 */
export async function openSafetensors(file: RandomAccessFile): Promise<WeightFile> {
  const { path } = file;
  const { header, dataStart } = await readHeader(file);
  const entries = new Map(header.entries.map((entry) => [entry.name, entry]));
  return {
    path,
    format: "safetensors",
    tensors: new Map(
      header.entries.map(({ name, type, shape }) => [name, { shape, elementType: type.name }]),
    ),
    others: [],
    metadata: header.metadata,
    read: async (name) => {
      const entry = entries.get(name);
      if (entry === undefined) throw weightsError(path, name, "is not in the file");
      const bytes = await file.read(dataStart + entry.begin, entry.end - entry.begin);
      return entry.type.decode(bytes, entry.shape);
    },
    place: (name) => {
      const entry = entries.get(name);
      if (entry?.type.name !== "float32" || dataStart % 4 !== 0 || entry.begin % 4 !== 0) return undefined;
      return { file: path, offset: dataStart + entry.begin };
    },
    close: () => file.close(),
  };
}

async function readHeader(file: RandomAccessFile): Promise<{ header: SafetensorsHeader; dataStart: number }> {
  const { path, size } = file;
  if (size < 8) throw weightsError(path, undefined, "is too short for a safetensors file", `${size} bytes`);
  const prefix = await file.read(0, 8);
  const headerLength = new DataView(prefix.buffer).getBigUint64(0, true);
  if (headerLength > BigInt(Math.min(MAXIMUM_HEADER_BYTES, size - 8))) {
    const why = `it announces a header of ${headerLength} bytes in a file of ${size}`;
    throw weightsError(path, undefined, "is not a safetensors file or is truncated", why);
  }
  const dataStart = 8 + Number(headerLength);
  const bytes = await file.read(8, dataStart - 8);
  return { header: parseHeader(bytes, size - dataStart, path), dataStart };
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
  return joinedBytes(piecesOf(tensors, metadata));
}

/** What {@link encodeSafetensors} joins: the header with its length, then every tensor's own memory. */
function piecesOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array[] {
  const ordered = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || compareText(nameA, nameB),
  );
  const fields: [string, unknown][] = [];
  const sortedMetadata = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (sortedMetadata.length > 0) fields.push(["__metadata__", Object.fromEntries(sortedMetadata)]);
  let offset = 0;
  for (const [name, tensor] of ordered) {
    checkWritable(name, tensor);
    const end = offset + tensor.data.byteLength;
    fields.push([name, { dtype: storedTypeName(tensor), shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const header = encodeHeader(fields);
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  const data = ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [prefix, header, ...data];
}

/** Joins the entries by hand: an object would put number-like names first. */
export function encodeHeader(fields: readonly [string, unknown][]): Uint8Array {
  const body = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",");
  const bytes = new TextEncoder().encode(`{${body}}`);
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
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
 * Writes tensors and metadata as a safetensors file, whole or not at all, with the SHA-256 of them so that
 * {@link readSafetensors} notices a change.
 * @throws EpSamError `storage` when the disk refuses, `internal` when a tensor's data does not fill its shape
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const hash = hashBytes(...piecesOf(tensors, metadata));
  const pieces = piecesOf(tensors, { ...metadata, [CONTENT_HASH]: hash });
  await streamFileAtomically(path, (handle) => handle.writeFile(pieces));
}
