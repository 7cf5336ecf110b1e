import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { fromFloat16, toFloat16 } from "../common/index.js";

/** How the values of an embedding are stored; `float16` halves the disk at 11 significant bits. */
export type EmbeddingPrecision = "float32" | "float16";

// "EPE1" in the host's byte order, so that a file from a machine of the other order counts as damaged.
const MAGIC = 0x31455045;
const HEADER_WORDS = 4;
const HEADER_BYTES = HEADER_WORDS * 4;

/** Bytes that an embedding takes in its file. */
export function fileBytes(elements: number, precision: EmbeddingPrecision): number {
  return HEADER_BYTES + elements * bytesPerElement(precision);
}

function bytesPerElement(precision: EmbeddingPrecision): number {
  return precision === "float16" ? 2 : 4;
}

/** Rounds to what the file keeps, in place, so that a fresh embedding equals the one read back later. */
export function roundToPrecision(data: Float32Array, precision: EmbeddingPrecision): void {
  if (precision === "float16") fromFloat16(toFloat16(data), data);
}

/** A file's bytes: magic, bytes per element, element count, checksum, then the values. */
export function encodeEmbedding(data: Float32Array, precision: EmbeddingPrecision): Uint8Array {
  const values = precision === "float16" ? toFloat16(data) : data;
  const payload = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const file = new Uint8Array(HEADER_BYTES + payload.length);
  const header = new Uint32Array(file.buffer, 0, HEADER_WORDS);
  header.set([MAGIC, bytesPerElement(precision), data.length, checksum(payload)]);
  file.set(payload, HEADER_BYTES);
  return file;
}

/** FNV-1a over 32-bit words: any single damaged word changes it, and it takes a millisecond per embedding. */
function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ (words[i] as number), 0x01000193);
  for (let i = words.length * 4; i < bytes.length; i++)
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
}

/** `damaged` says why the file cannot be an embedding of the expected size and precision. */
export type EmbeddingRead =
  | { readonly kind: "found"; readonly data: Float32Array }
  | { readonly kind: "absent" }
  | { readonly kind: "damaged"; readonly reason: string };

/** Reads an embedding into `into`, whose length is the expected number of values. */
export async function readEmbedding(
  path: string,
  precision: EmbeddingPrecision,
  into: Float32Array,
): Promise<EmbeddingRead> {
  const handle = await openExisting(path);
  if (handle === undefined) return { kind: "absent" };
  try {
    const { size } = await handle.stat();
    const expected = fileBytes(into.length, precision);
    if (size !== expected) return { kind: "damaged", reason: `${size} bytes instead of ${expected}` };
    const header = new Uint32Array(HEADER_WORDS);
    const values = precision === "float16" ? new Uint16Array(into.length) : into;
    const payload = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const { bytesRead } = await handle.readv([header, payload], 0);
    if (bytesRead !== expected) return { kind: "damaged", reason: "it changed while it was read" };
    if (header[0] !== MAGIC || header[1] !== bytesPerElement(precision) || header[2] !== into.length) {
      return { kind: "damaged", reason: "its header is not that of this cache" };
    }
    if (header[3] !== checksum(payload)) return { kind: "damaged", reason: "its checksum differs" };
    if (values instanceof Uint16Array) fromFloat16(values, into);
    return { kind: "found", data: into };
  } finally {
    await handle.close();
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw cause;
  }
}
