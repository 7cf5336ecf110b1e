import { basename } from "node:path";
import { EpSamError, hashBytes, RandomStream, type Reporter } from "../../common/index.js";
import type { LabelledSquare, PatchGeometry } from "../../dataset/index.js";
import { decoderBackbone } from "../../run/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { DecoderAdaptation } from "../segmenter.js";
import { adaptPyramid } from "./adapt-pyramid.js";
import { readParts } from "./known-parts.js";

/** Raised when the same squares adapt a decoder to other weights. */
const VERSION = 2;

/** What a decoder is adapted to. */
export interface AdaptedSlide {
  readonly source: PixelSource;
  readonly squares: readonly LabelledSquare[];
  /** How patches of the slide are read. */
  readonly geometry: PatchGeometry;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adapts a run's decoder to a slide of which a few squares are labelled.
 * @returns what `openSegmenter` takes; it throws EpSamError `usage` when the decoder is no feature pyramid
 */
export function adaptationOf(slide: AdaptedSlide): DecoderAdaptation {
  const { source, squares, geometry, reporter, signal } = slide;
  return {
    hash: hashBytes(JSON.stringify({ version: VERSION, squares })),
    adapt: async ({ weights, config, device }) => {
      if (config.decoder.kind !== "pyramid" || !weights.has("pyramid.logits.bias")) {
        throw new EpSamError("usage", {
          where: "`labelledSquares`",
          what: "adapts feature pyramids alone, and this run's decoder is none",
          action: "Train with the preset laptop or best, or leave it out.",
        });
      }
      const started = performance.now();
      const { seed } = config;
      const stream = new RandomStream(seed, "adaptation", "parts");
      const parts = await readParts(source, squares, geometry, { stream, signal });
      const entry = decoderBackbone(config);
      const task = `${basename(source.path)}: adapting to ${squares.length} labelled squares`;
      const onStep = (done: number, total: number) => reporter.progress({ task, done, total });
      const adapted = await adaptPyramid({ ...parts, weights, entry, seed, device, signal, onStep });
      const seconds = Math.round((performance.now() - started) / 1000);
      reporter.note(
        `${source.path}: adapted to ${squares.length} labelled squares in ${seconds} s, the cross-entropy from ` +
          `${adapted.before.toFixed(3)} to ${adapted.after.toFixed(3)}`,
      );
      return adapted.weights;
    },
  };
}
