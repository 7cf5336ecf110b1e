import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { storageError } from "../../common/index.js";
import type { FloatMap, GreyImage } from "../../imaging/index.js";
import type { ClassifiedTile, TileMask, TileOutcome } from "../segment-image.js";

/** What is kept of a finished patch, beside its maps. */
export interface PatchFigures {
  readonly index: number;
  /** The classifier's probability of tumour, 0 to 1. */
  readonly probability: number;
  readonly outcome: TileOutcome;
  /** SAM's own estimate of its mask's IoU; null where SAM did not run. */
  readonly estimatedIou: number | null;
}

/** The maps of a finished patch, 0 to 255 for 0 to 1. */
export interface PatchMaps {
  /** Class activation map, at the resolution of the features. */
  readonly activation: GreyImage;
  /** Probability of tumour of each pixel, or null where SAM did not run. */
  readonly tumour: Uint8Array | null;
}

interface Entry extends PatchFigures {
  /** Where the maps begin in the file, and their lengths. */
  readonly offset: number;
  readonly activationWidth: number;
  readonly activationHeight: number;
  readonly tumourBytes: number;
}

const OUTCOMES: readonly TileOutcome[] = ["segmented", "below-gate", "no-activation"];
const MAGIC = 0x50535045;
/** Fields, and the digest of fields and maps. */
const FIELDS_BYTES = 40;
const DIGEST_BYTES = 16;
const HEADER_BYTES = FIELDS_BYTES + DIGEST_BYTES;
/** Speed counts more here: the file goes when the slide is finished. */
const DEFLATE_LEVEL = 1;

const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);
const inflated = promisify<Uint8Array, Buffer>(inflate);

/**
 * The finished patches of a slide in one file that is only ever appended to: the journal that a killed call goes
 * on from, and the store that rasters are blended from. Every record carries a digest, so what a kill or a full
 * disk leaves of the last one is seen and cut off.
 */
export class PatchLog {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #entries = new Map<number, Entry>();
  #end = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens a log with its finished patches, or begins one.
   * @throws EpSamError `storage` when the file cannot be opened
   */
  static async open(path: string): Promise<PatchLog> {
    const file = await open(path, "a+").catch((cause: unknown) => {
      throw storageError(path, cause);
    });
    const log = new PatchLog(path, file);
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
  get patches(): ReadonlyMap<number, PatchFigures> {
    return this.#entries;
  }

  /**
   * Adds a finished patch. Calls must not overlap.
   * @throws EpSamError `storage` when the disk is full; what was added before stays
   */
  async append(index: number, tile: ClassifiedTile, mask: TileMask | null): Promise<void> {
    const { width, height, data } = tile.activation;
    const tumour = mask === null ? new Uint8Array(0) : await deflateLevels(mask.tumour);
    const figures = {
      index,
      probability: tile.probability,
      outcome: tile.outcome,
      estimatedIou: mask?.estimatedIou ?? null,
    };
    const entry: Entry = {
      ...figures,
      offset: this.#end + HEADER_BYTES,
      activationWidth: width,
      activationHeight: height,
      tumourBytes: tumour.length,
    };
    const fields = encodeFields(entry);
    const maps = Buffer.concat([toLevels(data), tumour]);
    const record = Buffer.concat([fields, digestOf(fields, maps), maps]);
    try {
      await this.#file.appendFile(record);
    } catch (cause) {
      await this.#file.truncate(this.#end);
      throw storageError(this.#path, cause);
    }
    this.#end += record.length;
    this.#entries.set(index, entry);
  }

  /** The maps of a finished patch. */
  async read(index: number): Promise<PatchMaps | null> {
    const entry = this.#entries.get(index);
    if (entry === undefined) return null;
    const { offset, activationWidth: width, activationHeight: height, tumourBytes } = entry;
    const maps = new Uint8Array(width * height + tumourBytes);
    await this.#file.read(maps, 0, maps.length, offset);
    const activation = { width, height, data: maps.subarray(0, width * height) };
    return { activation, tumour: tumourBytes === 0 ? null : await inflated(maps.subarray(width * height)) };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Reads records up to the first that is incomplete or damaged. */
  async #readEntries(): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    for (;;) {
      const { bytesRead } = await this.#file.read(header, 0, HEADER_BYTES, this.#end);
      if (bytesRead < HEADER_BYTES || header.readUInt32LE(0) !== MAGIC) return;
      const entry = decodeFields(header, this.#end + HEADER_BYTES);
      if (entry === null) return;
      const maps = Buffer.alloc(entry.activationWidth * entry.activationHeight + entry.tumourBytes);
      const rest = await this.#file.read(maps, 0, maps.length, entry.offset);
      const digest = header.subarray(FIELDS_BYTES);
      if (rest.bytesRead < maps.length) return;
      if (!digestOf(header.subarray(0, FIELDS_BYTES), maps).equals(digest)) return;
      this.#entries.set(entry.index, entry);
      this.#end = entry.offset + maps.length;
    }
  }
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

function deflateLevels({ data }: FloatMap): Promise<Buffer> {
  return deflated(toLevels(data), { level: DEFLATE_LEVEL });
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
