import { EpSamError, isEpSamError, silentReporter } from "../../common/index.js";
import { type SegmenterEntry, stageTitle } from "../../contract/index.js";
import { device } from "../../graph/index.js";
import { trainedResolution } from "../../inference/index.js";
import { takesMaskPrompt } from "../../method/index.js";
import { SAM_INPUT_SIZE } from "../../models/index.js";
import {
  finishedDecoderStages,
  openRun,
  openSam,
  resolveConfig,
  samSource,
  seesFeatures,
} from "../../run/index.js";
import { opaqueId } from "../workspace/identifiers.js";
import type { OpenWorkspace } from "../workspace/workspace.js";
import type { SegmenterSource } from "./work.js";

/** A decoder that can be prompted, with where it comes from. */
export interface SlideSegmenter {
  readonly entry: SegmenterEntry;
  readonly source: SegmenterSource;
  /** Whether the run's own map of a patch answers points; SAM takes boxes alone then. */
  readonly hasMap: boolean;
  /** Names everything that embeddings depend on beside the pixels: image encoder, and classifier where it has a say. */
  readonly encoder: string;
}

/** SAM as its makers trained it; its patches fill SAM's input. */
async function originalSam(): Promise<SlideSegmenter> {
  const { encoder } = await samSource(resolveConfig("paper").sam);
  const source = { run: null, stage: "original", patchSize: SAM_INPUT_SIZE };
  return {
    entry: {
      id: "sam",
      title: "SAM, not trained on tissue",
      run: null,
      stage: source.stage,
      patchSize: source.patchSize,
      patchMpp: null,
    },
    source,
    hasMap: false,
    encoder: encoder.id,
  };
}

/**
 * The decoders of the workspace's runs, each run's last stage first, then SAM as its makers trained it. Runs that
 * cannot be read, or whose SAM is gone, are left out: the list of runs tells why. A decoder that sees features takes no
 * prompts itself: clicks choose from its map, and SAM as it is takes boxes, with that map as a mask prompt.
 */
export async function findSegmenters(workspace: Pick<OpenWorkspace, "runs">): Promise<SlideSegmenter[]> {
  const ofRuns = await Promise.all(workspace.runs.map(({ id, name, root }) => segmentersOf(id, name, root)));
  return [...ofRuns.flat(), await originalSam()];
}

/** @throws EpSamError `not-found` */
export async function findSegmenter(
  workspace: Pick<OpenWorkspace, "runs">,
  id: string,
): Promise<SlideSegmenter> {
  const found = (await findSegmenters(workspace)).find(({ entry }) => entry.id === id);
  if (found !== undefined) return found;
  throw new EpSamError("not-found", {
    what: "there is no such segmenter",
    where: id,
    action: "Reload the page and choose another.",
  });
}

async function segmentersOf(id: string, name: string, root: string): Promise<SlideSegmenter[]> {
  try {
    const context = await openRun(root, { device: device(), reporter: silentReporter });
    const { config, run } = context;
    const { id: ofImages } = (await openSam(context)).encoder;
    const isSeeing = seesFeatures(config.decoder);
    const encoderOf = (stage: string) => {
      if (isSeeing) return JSON.stringify([ofImages, root, run.record.createdAt, stage]);
      return takesMaskPrompt(config.sam) ? JSON.stringify([ofImages, root, run.record.createdAt]) : ofImages;
    };
    const patchMpp = await patchMppOf(root);
    const { patchSize } = run.record.dataset;
    return finishedDecoderStages(context)
      .reverse()
      .map((stage) => ({
        entry: {
          id: opaqueId("segmenter", root, stage),
          title: `${name}, ${stageTitle(stage)}`,
          run: id,
          stage,
          patchSize,
          patchMpp,
        },
        source: { run: root, stage, patchSize },
        hasMap: isSeeing,
        encoder: encoderOf(stage),
      }));
  } catch (cause) {
    if (isEpSamError(cause)) return [];
    throw cause;
  }
}

/** Microns per pixel of a run's patches; null where they are not known or not the same. */
async function patchMppOf(root: string): Promise<number | null> {
  try {
    const { resolution } = await trainedResolution(root);
    return "mpp" in resolution ? resolution.mpp : null;
  } catch (cause) {
    if (isEpSamError(cause, "usage")) return null;
    throw cause;
  }
}
