import { EpSamError, exists, hashBytes, packageVersion, writeFileAtomically } from "../common/index.js";
import { untrainedStage } from "../contract/index.js";
import { decoderOffset, pyramidSide, takesMaskPrompt } from "../method/index.js";
import {
  encodeClassifierOnnx,
  encodeDecoderOnnx,
  encodeMinisamEncoderOnnx,
  encodePyramidOnnx,
  encodePytorch,
  encodeSafetensors,
  encodeVitEncoderOnnx,
  openWholeSam,
  type StateDict,
} from "../models/index.js";
import { classifierOptions, decoderBackbone } from "./config.js";
import type { RunContext } from "./run-context.js";
import {
  chooseDecoderStage,
  classifierInputSide,
  decoderBase,
  decoderWeights,
  frameOf,
  readClassifier,
} from "./run-models.js";
import { openSam } from "./sam-source.js";
import { seesFeatures } from "./segmenter-keys.js";

export const exportParts = ["classifier", "encoder", "decoder"] as const;
export type ExportPart = (typeof exportParts)[number];
export const exportFormats = ["safetensors", "pth", "onnx"] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportOptions {
  readonly part: ExportPart;
  readonly format: ExportFormat;
  /** File to write. */
  readonly out: string;
  /** Whose decoder: `untrained`, `preliminary`, `round-N`; the last finished one when left out. */
  readonly stage?: string | undefined;
  readonly overwrite: boolean;
}

export interface ExportedFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Whose decoder it is, for decoders. */
  readonly stage: string | undefined;
}

/**
 * Writes a model of a run for other programs: weights under the original state-dict names (safetensors, or `.pth`
 * that PyTorch reads with `weights_only=True`), or a deployable ONNX file.
 * @throws EpSamError `usage` when the file is there already, the stage is not finished, or the part has no such
 *   format; `run-directory` when the model is not trained yet; `weights` when a file is damaged or gone
 */
export async function exportFromRun(context: RunContext, options: ExportOptions): Promise<ExportedFile> {
  const { part, format, out, overwrite } = options;
  if (!overwrite && (await exists(out))) {
    throw new EpSamError("usage", {
      what: "exists already",
      where: out,
      action: "Choose another `out`, or replace it with `overwrite: true`.",
    });
  }
  const stage = part === "decoder" ? chooseDecoderStage(context, options.stage, "export") : undefined;
  requireExportable(context, { part, format, stage });
  const metadata = await describe(context, part, stage);
  const bytes =
    format === "onnx"
      ? await encodeOnnx(context, part, stage, metadata)
      : encodeWeights(format, await weightsOf(context, part, stage), metadata);
  await writeFileAtomically(out, bytes);
  return { file: out, bytes: bytes.length, sha256: hashBytes(bytes), stage };
}

/** @throws EpSamError `usage` when other programs would have to compute features for the model as well */
function requireExportable(
  { run, config }: RunContext,
  { part, format, stage }: Pick<ExportOptions, "part" | "format" | "stage">,
): void {
  if (part === "classifier" && format === "onnx" && config.classifier.model === "dense") {
    throw new EpSamError("usage", {
      what: "a dense classifier cannot be exported as ONNX",
      where: run.root,
      why: "it is a head on features that networks give",
      action: "Export it with `format: safetensors`, or the part decoder.",
    });
  }
  const isTrainedDecoder = part === "decoder" && stage !== untrainedStage;
  if (!isTrainedDecoder || isPyramid(config) || !seesFeatures(config.decoder)) return;
  throw new EpSamError("usage", {
    what: "SAM's decoder with features cannot be exported",
    where: run.root,
    why: "it is no decoder of SAM's embeddings alone: it sees the features of its own backbone",
    action: "Segment with `epsam infer`, or export the part classifier or encoder.",
  });
}

function isPyramid({ decoder }: RunContext["config"]): boolean {
  return decoder.kind === "pyramid";
}

type Texts = Readonly<Record<string, string>>;

async function describe(
  { run, config }: RunContext,
  part: string,
  stage: string | undefined,
): Promise<Texts> {
  return {
    producer: `ep-sam ${await packageVersion()}`,
    part,
    ...(stage === undefined ? {} : { stage }),
    ...(stage === undefined || isPyramid(config) ? {} : { prompt_frame: config.sam.promptFrame }),
    config_hash: run.record.configHash,
    notice: "Research use only. EP-SAM is the subject of the Korean patent application 10-2024-0117533.",
  };
}

function encodeWeights(format: "safetensors" | "pth", weights: StateDict, metadata: Texts): Uint8Array {
  return format === "pth" ? encodePytorch(weights) : encodeSafetensors(weights, metadata);
}

async function weightsOf(
  context: RunContext,
  part: ExportPart,
  stage: string | undefined,
): Promise<StateDict> {
  if (part === "classifier") return readClassifier(context);
  if (part === "decoder") {
    const all = await completeDecoderWeights(context, stage);
    if (isPyramid(context.config)) return all;
    return new Map([...all].filter(([name]) => name.startsWith("mask_decoder.")));
  }
  const sam = await openCheckpoint(context);
  if (sam === undefined) {
    throw new EpSamError("usage", {
      what: "the embedded image encoder has no state dict: it comes as ONNX",
      where: "`format`",
      action: "Export it with `format: onnx`.",
    });
  }
  try {
    return await sam.readEncoder();
  } finally {
    await sam.close();
  }
}

async function encodeOnnx(
  context: RunContext,
  part: ExportPart,
  stage: string | undefined,
  metadata: Texts,
): Promise<Uint8Array> {
  const { run, config } = context;
  const { patchSize } = run.record.dataset;
  if (part === "encoder") return encodeEncoder(context, metadata);
  if (part === "classifier") {
    const side = classifierInputSide(context, patchSize);
    return encodeClassifierOnnx({
      model: classifierOptions(config),
      weights: await readClassifier(context),
      inputSize: { width: side, height: side },
      layer: config.cam.layer,
      metadata,
    });
  }
  const weights = await completeDecoderWeights(context, stage);
  if (isPyramid(config)) {
    const [offset = 0] = weights.get(decoderOffset)?.data ?? [];
    const side = pyramidSide(patchSize);
    return encodePyramidOnnx({ weights, entry: decoderBackbone(config), side, offset, metadata });
  }
  return encodeDecoderOnnx({
    weights,
    frame: frameOf(config, patchSize),
    maskPrompt: takesMaskPrompt(config.sam),
    metadata,
  });
}

async function encodeEncoder(context: RunContext, metadata: Texts): Promise<Uint8Array> {
  const sam = await openCheckpoint(context);
  if (sam === undefined) return encodeMinisamEncoderOnnx(metadata);
  try {
    return await encodeVitEncoderOnnx(sam.variant, sam.file, metadata);
  } finally {
    await sam.close();
  }
}

/** The SAM checkpoint of the run, or undefined when it uses the embedded SAM. */
async function openCheckpoint(context: RunContext) {
  const { checkpoint } = await openSam(context);
  return checkpoint === undefined ? undefined : openWholeSam(checkpoint);
}

/** A stage's decoder with what stays frozen in it, see `decoderBase`. */
async function completeDecoderWeights(context: RunContext, stage = untrainedStage): Promise<StateDict> {
  return decoderWeights(context, stage, await decoderBase(context, await openSam(context)));
}
