import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { storageError } from "../../common/index.js";
import type { FloatMap } from "../../imaging/index.js";
import type { PatchOutcome, SegmentedPatch } from "./patch-segmenter.js";

/**
 * How finely the maps of finished patches are kept: as 8 bits, 0 to 255 for 0 to 1, or as they come. Slides have
 * many patches and results of 8 bits; images have few, and their blended maps are floating-point numbers.
 */
export type PatchPrecision = "8-bit" | "float32";

/** What is kept of a finished patch, beside its maps. */
export interface LoggedPatch {
  readonly index: number;
  /** The classifier's probability of tumour, 0 to 1. */
  readonly probability: number;
  readonly outcome: PatchOutcome;
  /** SAM's own estimate of its mask's IoU; null where SAM did not run. */
  readonly estimatedIou: number | null;
}

/** Values of a map: 0 to 255 in bytes, 0 to 1 in floating-point numbers. */
export type MapValues = Uint8Array | Float32Array;

/** The maps of a finished patch. */
export interface PatchMaps {
  /** Class activation map, at the resolution of the features. */
  readonly activation: { readonly width: number; readonly height: number; readonly data: MapValues };
  /** Probability of tumour of each pixel, or null where SAM did not run. */
  readonly tumour: MapValues | null;
}

interface Entry extends LoggedPatch {
  /** Where the maps begin in the file, and their lengths. */
  readonly offset: number;
  readonly activationWidth: number;
  readonly activationHeight: number;
  readonly tumourBytes: number;
}

const OUTCOMES: readonly PatchOutcome[] = ["segmented", "below-gate", "no-activation"];
const MAGIC = 0x50535045;
/** Fields, and the digest of fields and maps. */
const FIELDS_BYTES = 40;
const DIGEST_BYTES = 16;
const HEADER_BYTES = FIELDS_BYTES + DIGEST_BYTES;
/** Speed counts more here: the file goes when all patches are finished. */
const DEFLATE_LEVEL = 1;

const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);
const inflated = promisify<Uint8Array, Buffer>(inflate);

/**
 * The finished patches of a slide or image in one file that is only ever appended to: the journal that a killed call goes
 * on from, and the store that rasters are blended from. Every record carries a digest, so what a kill or a full
 * disk leaves of the last one is seen and cut off.
 */
export class PatchLog {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #precision: PatchPrecision;
  readonly #entries = new Map<number, Entry>();
  readonly #figures = new Map<number, LoggedPatch>();
  #end = 0;

  private constructor(path: string, file: FileHandle, precision: PatchPrecision) {
    this.#path = path;
    this.#file = file;
    this.#precision = precision;
  }

  /**
   * Opens a log with its finished patches, or begins one.
   * @param precision of all its maps; always the same for one file
   * @throws EpSamError `storage` when the file cannot be opened
   */
  static async open(path: string, precision: PatchPrecision): Promise<PatchLog> {
    const file = await open(path, "a+").catch((cause: unknown) => {
      throw storageError(path, cause);
    });
    const log = new PatchLog(path, file, precision);
    try {
      await log.#readEntries();
      await file.truncate(log.#end);
    } catch (cause) {
      await file.close();
      throw storageError(path, cause);
    }
    return log;
  }

  /** Figures of all finished patches by their index. */
  get patches(): ReadonlyMap<number, LoggedPatch> {
    return this.#figures;
  }

  /**
   * Adds a finished patch. Calls must not overlap.
   * @throws EpSamError `storage` when the disk is full; what was added before stays
   */
  async append(index: number, patch: SegmentedPatch): Promise<void> {
    const { width, height } = patch.activation;
    const activation = this.#encoded(patch.activation);
    const tumour =
      patch.tumour === undefined
        ? new Uint8Array(0)
        : await deflated(this.#encoded(patch.tumour), { level: DEFLATE_LEVEL });
    const entry: Entry = {
      ...figuresOf(index, patch),
      offset: this.#end + HEADER_BYTES,
      activationWidth: width,
      activationHeight: height,
      tumourBytes: tumour.length,
    };
    const fields = encodeFields(entry);
    const maps = Buffer.concat([activation, tumour]);
    await this.#write(Buffer.concat([fields, digestOf(fields, maps), maps]), entry);
  }

  /** Bytes of the file, up to which {@link recordsFrom} reads. */
  get end(): number {
    return this.#end;
  }

  /**
   * Records as they are in the file, for another log to {@link adopt}.
   * @param from where one begins
   * @param most bytes, unless the first record has more
   */
  async recordsFrom(from: number, most: number): Promise<Uint8Array> {
    let end = from;
    for (const entry of this.#entries.values()) {
      const itsEnd = entry.offset + this.#mapsBytes(entry);
      if (itsEnd > end && (end === from || itsEnd - from <= most)) end = itsEnd;
    }
    const records = new Uint8Array(end - from);
    await this.#file.read(records, 0, records.length, from);
    return records;
  }

  /**
   * Takes over finished patches of another log of the same job; those that are here already, and what is damaged, are left
   * out. Calls must not overlap with those of {@link append}.
   * @returns the numbers of all patches that the records hold
   * @throws EpSamError `storage` when the disk is full
   */
  async adopt(records: Uint8Array): Promise<number[]> {
    const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
    const read = async (at: number, length: number) => bytes.subarray(at, at + length);
    const held: number[] = [];
    for (let at = 0; ; ) {
      const record = await this.#readRecord(read, at);
      if (record === null) return held;
      const whole = bytes.subarray(at, record.end);
      const { index } = record.entry;
      held.push(index);
      if (!this.#entries.has(index)) {
        await this.#write(whole, { ...record.entry, offset: this.#end + HEADER_BYTES });
      }
      at = record.end;
    }
  }

  async #write(record: Uint8Array, entry: Entry): Promise<void> {
    try {
      await this.#file.appendFile(record);
    } catch (cause) {
      await this.#file.truncate(this.#end);
      throw storageError(this.#path, cause);
    }
    this.#end += record.length;
    this.#remember(entry);
  }

  /** The maps of a finished patch. */
  async read(index: number): Promise<PatchMaps | null> {
    const entry = this.#entries.get(index);
    if (entry === undefined) return null;
    const { offset, activationWidth: width, activationHeight: height, tumourBytes } = entry;
    const maps = new Uint8Array(this.#mapsBytes(entry));
    await this.#file.read(maps, 0, maps.length, offset);
    const tumourAt = maps.length - tumourBytes;
    return {
      activation: { width, height, data: this.#decoded(maps.subarray(0, tumourAt)) },
      tumour: tumourBytes === 0 ? null : this.#decoded(await inflated(maps.subarray(tumourAt))),
    };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Reads records up to the first that is incomplete or damaged. */
  async #readEntries(): Promise<void> {
    const read = async (at: number, length: number): Promise<Buffer> => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, (await this.#file.read(bytes, 0, length, at)).bytesRead);
    };
    for (;;) {
      const record = await this.#readRecord(read, this.#end);
      if (record === null) return;
      this.#remember(record.entry);
      this.#end = record.end;
    }
  }

  /** The record that begins at a place, null where none is that is complete. */
  async #readRecord(
    read: (at: number, length: number) => Promise<Buffer>,
    at: number,
  ): Promise<{ readonly entry: Entry; readonly end: number } | null> {
    const header = await read(at, HEADER_BYTES);
    if (header.length < HEADER_BYTES || header.readUInt32LE(0) !== MAGIC) return null;
    const entry = decodeFields(header, at + HEADER_BYTES);
    if (entry === null) return null;
    const length = this.#mapsBytes(entry);
    const maps = await read(entry.offset, length);
    if (maps.length < length) return null;
    const digest = header.subarray(FIELDS_BYTES);
    if (!digestOf(header.subarray(0, FIELDS_BYTES), maps).equals(digest)) return null;
    return { entry, end: entry.offset + length };
  }

  #remember(entry: Entry): void {
    this.#entries.set(entry.index, entry);
    this.#figures.set(entry.index, figuresOf(entry.index, entry));
  }

  #mapsBytes({ activationWidth, activationHeight, tumourBytes }: Entry): number {
    const valueBytes = this.#precision === "8-bit" ? 1 : Float32Array.BYTES_PER_ELEMENT;
    return activationWidth * activationHeight * valueBytes + tumourBytes;
  }

  #encoded({ data }: FloatMap): Uint8Array {
    if (this.#precision === "8-bit") return toLevels(data);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  #decoded(bytes: Uint8Array): MapValues {
    if (this.#precision === "8-bit") return bytes;
    // Floating-point numbers must begin at a multiple of their size, which bytes of a file need not.
    return new Float32Array(new Uint8Array(bytes).buffer);
  }
}

/** What is kept of a patch beside its maps. */
export function figuresOf(
  index: number,
  patch: Pick<SegmentedPatch, "probability" | "outcome"> & { readonly estimatedIou?: number | null },
): LoggedPatch {
  const { probability, outcome, estimatedIou } = patch;
  return { index, probability, outcome, estimatedIou: estimatedIou ?? null };
}

function encodeFields(entry: Entry): Buffer {
  const fields = Buffer.alloc(FIELDS_BYTES);
  fields.writeUInt32LE(MAGIC, 0);
  fields.writeUInt32LE(entry.index, 4);
  fields.writeUInt32LE(OUTCOMES.indexOf(entry.outcome), 8);
  fields.writeUInt16LE(entry.activationWidth, 12);
  fields.writeUInt16LE(entry.activationHeight, 14);
  fields.writeUInt32LE(entry.tumourBytes, 16);
  fields.writeDoubleLE(entry.probability, 20);
  fields.writeDoubleLE(entry.estimatedIou ?? Number.NaN, 28);
  return fields;
}

/** The fields of a record, or null when they are none. */
function decodeFields(fields: Buffer, offset: number): Entry | null {
  const outcome = OUTCOMES[fields.readUInt32LE(8)];
  if (outcome === undefined) return null;
  const estimatedIou = fields.readDoubleLE(28);
  return {
    index: fields.readUInt32LE(4),
    outcome,
    activationWidth: fields.readUInt16LE(12),
    activationHeight: fields.readUInt16LE(14),
    tumourBytes: fields.readUInt32LE(16),
    probability: fields.readDoubleLE(20),
    estimatedIou: Number.isNaN(estimatedIou) ? null : estimatedIou,
    offset,
  };
}

function digestOf(fields: Uint8Array, maps: Uint8Array): Buffer {
  return createHash("sha256").update(fields).update(maps).digest().subarray(0, DIGEST_BYTES);
}

/** 0 to 1 as 0 to 255; above one half exactly where the value is. */
function toLevels(values: Float32Array): Uint8Array {
  const levels = new Uint8Array(values.length);
  // By index: iterators take several times as long, and this is done for every patch.
  for (let at = 0; at < levels.length; at++) {
    levels[at] = Math.ceil(255 * Math.min(1, Math.max(0, values[at] ?? 0)) - 0.5);
  }
  return levels;
}
