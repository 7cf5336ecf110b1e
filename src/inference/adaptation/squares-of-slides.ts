import { EpSamError } from "../../common/index.js";
import { type LabelledSquare, type SkippedInput, squaresOf } from "../../dataset/index.js";
import type { SegmentedSlide } from "../slides/find-named-slides.js";
import type { InferSlidesOptions } from "../slides/options.js";

export interface SquaresOfSlides {
  /** By the slide's name. */
  readonly values: ReadonlyMap<string, readonly LabelledSquare[]>;
  readonly skipped: readonly SkippedInput[];
}

/**
 * The labelled squares of the slides.
 * @throws EpSamError `usage` when a slide has squares of one label alone, or no slide has any
 */
export async function squaresOfSlides(
  slides: readonly Pick<SegmentedSlide, "stem" | "path">[],
  { labelledSquares: path, reporter }: Pick<InferSlidesOptions, "labelledSquares" | "reporter">,
): Promise<SquaresOfSlides> {
  if (path === undefined) return { values: new Map(), skipped: [] };
  const { values, unmatched: reason } = await squaresOf(path, slides);
  for (const [stem, squares] of values) {
    if (new Set(squares.map(({ tumour }) => tumour)).size === 2) continue;
    throw new EpSamError("usage", {
      where: path,
      what: `has squares of ${stem} that are all ${squares[0]?.tumour === 1 ? "tumour" : "without tumour"}`,
      action: "Label a few of the other kind on it, too, or leave its lines out.",
    });
  }
  if (reason === null) return { values, skipped: [] };
  reporter.warn(`${path}: ${reason}.`);
  return { values, skipped: [{ file: path, reason }] };
}
