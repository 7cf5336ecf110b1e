import { z } from "zod";
import { messageOf } from "../../common/index.js";
import type { ElementType } from "./element-types.js";
import { storedType, storedTypeNames } from "./safetensors-dtypes.js";
import { weightsError } from "./weights-error.js";

/** Largest header the format's reference implementation accepts, in bytes. */
export const MAXIMUM_HEADER_BYTES = 100_000_000;

/** Where one tensor lies: offsets are bytes from the start of the data section. */
export interface TensorEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly entries: readonly TensorEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

const size = z.int().nonnegative();
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(size).max(32),
  data_offsets: z.tuple([size, size]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * Parses and checks the JSON header of a safetensors file (the format's own rules: known types, sizes that
 * match shapes, a data section covered without overlap, hole or excess).
 * @param dataLength bytes in the file behind the header
 * @throws EpSamError `weights` naming file and tensor
 */
export function parseHeader(bytes: Uint8Array, dataLength: number, file: string): SafetensorsHeader {
  const fields = Object.entries(parseJsonObject(bytes, file));
  let metadata: ReadonlyMap<string, string> = new Map();
  const entries: TensorEntry[] = [];
  for (const [name, value] of fields) {
    if (name === "__metadata__") metadata = parseMetadata(value, file);
    else entries.push(parseEntry(name, value, file));
  }
  checkCoverage(entries, dataLength, file);
  return { entries, metadata };
}

function parseJsonObject(bytes: Uint8Array, file: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw weightsError(file, undefined, "has a header that is not JSON", messageOf(cause));
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw weightsError(file, undefined, "has a header that is not a JSON object");
  }
  return parsed;
}

function parseMetadata(value: unknown, file: string): ReadonlyMap<string, string> {
  const result = metadataSchema.safeParse(value);
  if (!result.success) throw weightsError(file, undefined, "has metadata that is not a map of texts");
  return new Map(Object.entries(result.data));
}

function parseEntry(name: string, value: unknown, file: string): TensorEntry {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const where = issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
    throw weightsError(file, name, "has an invalid header entry", where);
  }
  const { dtype, shape, data_offsets } = result.data;
  const type = storedType(dtype);
  if (type === undefined) {
    const known = storedTypeNames().join(", ");
    throw weightsError(file, name, `has the element type ${dtype}, which is not read`, `read are ${known}`);
  }
  const [begin, end] = data_offsets;
  const expected = shape.reduce((product, extent) => product * extent, type.size);
  if (!Number.isSafeInteger(expected)) throw weightsError(file, name, "is larger than any file");
  if (end - begin !== expected) {
    const why = `${dtype} [${shape.join(", ")}] takes ${expected} bytes, the offsets give ${end - begin}`;
    throw weightsError(file, name, "has a size that does not match its shape", why);
  }
  return { name, type, shape, begin, end };
}

function checkCoverage(entries: readonly TensorEntry[], dataLength: number, file: string): void {
  const ordered = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of ordered) {
    const range = `bytes ${begin} to ${end} of a data section of ${dataLength}`;
    if (end > dataLength) throw weightsError(file, name, "lies outside the file", range);
    if (begin < covered) throw weightsError(file, name, "overlaps another tensor", range);
    if (begin > covered) throw weightsError(file, name, "follows bytes that belong to no tensor", range);
    covered = end;
  }
  if (covered !== dataLength) {
    const why = `${dataLength - covered} bytes behind the last tensor`;
    throw weightsError(file, undefined, "has bytes that belong to no tensor", why);
  }
}
