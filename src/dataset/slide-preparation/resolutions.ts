import { basename } from "node:path";
import { listNames } from "../list-names.js";
import { compareMpp, type NamedMpp } from "../patch-resolution.js";
import type { Resolution } from "./options.js";

/** Keeps watch that slides which are read at one level, as they were scanned, are of one magnification. */
export class ScannedResolutions {
  readonly #isWatched: boolean;
  readonly #anyResolution: boolean | undefined;
  readonly #silent: string[] = [];
  #finest: NamedMpp | undefined;
  #coarsest: NamedMpp | undefined;

  constructor(resolution: Resolution, anyResolution: boolean | undefined) {
    this.#isWatched = "level" in resolution;
    this.#anyResolution = anyResolution;
  }

  /**
   * Takes note of a slide's microns per pixel at the level that is read; null when it does not tell.
   * @throws EpSamError `usage` when it is of another magnification than one before, and that is not meant
   */
  add(path: string, mpp: number | null): void {
    if (!this.#isWatched) return;
    if (mpp === null) {
      this.#silent.push(basename(path));
      return;
    }
    const slide = { of: basename(path), mpp };
    if (this.#finest === undefined || mpp < this.#finest.mpp) this.#finest = slide;
    if (this.#coarsest === undefined || mpp > this.#coarsest.mpp) this.#coarsest = slide;
    this.#compare(this.#finest, this.#coarsest);
  }

  /** What is to be told in the end. */
  warnings(): string[] {
    if (this.#finest === undefined || this.#coarsest === undefined) return [];
    const difference = this.#compare(this.#finest, this.#coarsest);
    const unknown = `${listNames(this.#silent)}: no microns per pixel, and others have ${rounded(this.#finest)}; whether they are of one magnification is not known.`;
    return [
      ...(difference === null ? [] : [`${difference}; \`mpp\` brings them to one resolution.`]),
      ...(this.#silent.length === 0 ? [] : [unknown]),
    ];
  }

  #compare(finest: NamedMpp, coarsest: NamedMpp): string | null {
    const action = `They are read as they were scanned: give \`mpp: ${rounded(coarsest)}\` to bring all patches to one resolution (and \`overwrite: true\`, since that begins anew).`;
    return compareMpp(finest, coarsest, { anyResolution: this.#anyResolution, action });
  }
}

function rounded({ mpp }: NamedMpp): number {
  return Number(mpp.toPrecision(4));
}
