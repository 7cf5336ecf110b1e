import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, EpSamError, hashBytes, isRemotePath, mapConcurrently } from "../../common/index.js";
import { RESULT_FILE } from "../../dataset/index.js";
import {
  bucketFileTime,
  downloadFromBucket,
  placeInBucket,
  removeFromBucket,
  type SharedFiles,
  sharedFiles,
  uploadToBucket,
} from "../../slides/index.js";
import { SLIDE_RESULT_FILES } from "../export/index.js";
import type { ReplaceRule } from "../output.js";
import { RELAY_FOLDER } from "./patch-relay.js";

/** Files that are looked at together. */
const AT_ONCE = 16;
/** In a slide's folder of this machine: what was brought from the bucket. */
const BROUGHT = "from-bucket";

/**
 * Results of slides in a bucket. Each slide is worked on in a folder of this machine's cache and put into the bucket when
 * it is whole, its `inference.json` last: where that is, all is. Patches that are done go there from time to time.
 */
export class BucketOutput {
  /** `s3://BUCKET/PREFIX` without a slash at its end. */
  readonly #address: string;
  /** Of this machine, where a killed call has left what it had done. */
  readonly folder: string;

  /** @throws EpSamError `usage` for an address that is of no bucket */
  constructor(address: string) {
    this.#address = placeInBucket(address);
    this.folder = join(cacheDirectory(), "bucket-results", hashBytes(this.#address).slice(0, 16));
  }

  #pathOf(stem: string, file: string): string {
    return `${this.#address}/${stem}/${file}`;
  }

  /** Small files of a slide's folder in the bucket. */
  filesOf(stem: string): SharedFiles {
    return sharedFiles(`${this.#address}/${stem}`);
  }

  /** When a slide's result was finished, in milliseconds since 1970; null where it is not there. */
  timeOf(stem: string, signal?: AbortSignal): Promise<number | null> {
    return bucketFileTime(this.#pathOf(stem, RESULT_FILE), signal);
  }

  /** @throws EpSamError `usage` when a result is there that may neither be kept nor replaced */
  async requireFree(
    stems: readonly string[],
    { resume = false, overwrite = false }: ReplaceRule,
    signal?: AbortSignal,
  ): Promise<void> {
    const times = await mapConcurrently(stems, AT_ONCE, (stem) => this.timeOf(stem, signal));
    const there = times.findIndex((time) => time !== null);
    if (there < 0 || resume || overwrite) return;
    throw new EpSamError("usage", {
      what: "exists already",
      where: this.#pathOf(stems[there] ?? "", RESULT_FILE),
      action: "Go on with `resume: true`, choose another `out`, or replace it with `overwrite: true`.",
    });
  }

  /**
   * Brings what tells a finished slide's result to this machine.
   * @returns the folder with it, null where there is no such result
   */
  async fetch(stem: string, signal?: AbortSignal): Promise<string | null> {
    if ((await this.timeOf(stem, signal)) === null) return null;
    const folder = join(this.folder, stem, BROUGHT);
    for (const file of [RESULT_FILE, SLIDE_RESULT_FILES.summary]) {
      await downloadFromBucket(this.#pathOf(stem, file), join(folder, file), signal);
    }
    return folder;
  }

  /**
   * Puts a slide's result that is whole on this machine into the bucket, and frees its place here.
   * @param onFile is told the file that is begun
   * @throws EpSamError `storage`; it is whole here still, and the next call puts it there
   */
  async publish(stem: string, signal?: AbortSignal, onFile?: (file: string) => void): Promise<void> {
    const marker = this.#pathOf(stem, RESULT_FILE);
    // What is replaced is incomplete from here on.
    if ((await this.timeOf(stem, signal)) !== null) await removeFromBucket(marker, signal);
    const files = [...Object.values(SLIDE_RESULT_FILES), RESULT_FILE];
    const folder = join(this.folder, stem);
    for (const file of files) {
      onFile?.(file);
      // Half-done work is of no more use; after the last file nobody would look for it.
      if (file === RESULT_FILE) await this.filesOf(stem).removeFolder(RELAY_FOLDER);
      await uploadToBucket(join(folder, file), this.#pathOf(stem, file), signal);
    }
    for (const file of files.reverse()) await rm(join(folder, file), { force: true });
  }

  /** Puts a file that is of no slide beside the slides. */
  async publishFile(name: string, signal?: AbortSignal): Promise<void> {
    await uploadToBucket(join(this.folder, name), `${this.#address}/${name}`, signal);
  }
}

/** Options whose results go to a folder of this machine, and from there to a bucket where one was asked for. */
export type Placed<Options> = Options & { readonly bucket?: BucketOutput | undefined };

/** @throws EpSamError `usage` for an `out` that is an address of no bucket */
export function placed<Options extends { readonly out: string } & ReplaceRule>(
  options: Options,
): Placed<Options> {
  if (!isRemotePath(options.out)) return options;
  const bucket = new BucketOutput(options.out);
  return { ...options, out: bucket.folder, bucket };
}
