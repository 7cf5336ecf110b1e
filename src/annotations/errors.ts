import { EpSamError } from "../common/index.js";

/** Files beyond this are refused before they are read; the largest of Camelyon has 20 MB. */
export const MAXIMUM_BYTES = 256 * 2 ** 20;
/** Vertices of one file; the outlines of a slide have some 100,000. */
export const MAXIMUM_VERTICES = 2_000_000;
/** No slide is this wide; what lies beyond is no coordinate. */
export const MAXIMUM_COORDINATE = 2 ** 31;

/** An error about an annotation file, with the line or member when one is to blame. */
export function annotationError(
  path: string,
  what: string,
  options: { place?: string | undefined; why?: string; action?: string | undefined; cause?: unknown } = {},
): EpSamError {
  const { place, why, action = "Export the annotations again.", cause } = options;
  const where = place === undefined ? path : `${path}, ${place}`;
  return new EpSamError("annotation", { where, what, why, action }, { cause });
}

/** Counts the vertices of one file. @throws EpSamError `annotation` when they are absurdly many. */
export class VertexBudget {
  #left = MAXIMUM_VERTICES;

  constructor(private readonly path: string) {}

  spend(count: number): void {
    this.#left -= count;
    if (this.#left >= 0) return;
    throw annotationError(this.path, `has more than ${MAXIMUM_VERTICES} vertices`, {
      action: "Simplify the outlines, or split the file.",
    });
  }
}
