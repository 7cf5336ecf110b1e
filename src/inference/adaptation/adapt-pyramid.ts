import { EpSamError, must, RandomStream } from "../../common/index.js";
import { type Device, floatTensor, type HostTensors } from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { decoderOffset } from "../../method/index.js";
import {
  type BackboneEntry,
  BackboneFeatures,
  backbonePrefix,
  FEATURE_STRIDES,
  type FeatureStride,
  featureInput,
  forEachLevel,
  levelsOf,
  pyramidGraph,
  pyramidInputs,
  type StateDict,
  standardisationTensors,
} from "../../models/index.js";
import { adamW, TrainingStep } from "../../nn/index.js";

/** As on the breast regions of docs/benchmarks.md: more steps, or larger ones, lose what was learnt before. */
const STEPS = 40;
const LEARNING_RATE = 1e-4;
const WEIGHT_DECAY = 1e-4;
/** Squares of each label in a step. */
const PER_LABEL = 5;
/** Stride of the level that logits are learnt at. */
const FINEST = 4;

/** Part of a slide whose middle is known. */
export interface KnownPart {
  /** A square with the surroundings of what is known. */
  readonly image: RgbImage;
  /** What is known, in pixels of the image. */
  readonly known: { readonly left: number; readonly top: number; readonly side: number };
  readonly tumour: 0 | 1;
}

/** What a pyramid is adapted with. */
export interface PyramidAdaptation {
  /** Of the decoder: `pyramid.*`, `backbone.*`, `standardisation.*` and perhaps its calibration. */
  readonly weights: StateDict;
  readonly entry: BackboneEntry;
  /** Of one size; both labels must be among them. */
  readonly parts: readonly KnownPart[];
  /** Of the parts that steps draw. */
  readonly seed: number;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
}

/** The decoder's weights, and its cross-entropy on the known parts before and in the last step. */
export interface AdaptedPyramid {
  readonly weights: StateDict;
  readonly before: number;
  readonly after: number;
}

type Levels = Readonly<Record<FeatureStride, Float32Array>>;

/**
 * Tunes a pyramid on a few parts of a slide that are tumour altogether or have none, in seconds: the backbone stays, so
 * that its features are computed once. The calibration becomes part of the pyramid.
 * @throws EpSamError `usage` without parts of both labels, `device` when the device cannot run a step
 */
export async function adaptPyramid(adaptation: PyramidAdaptation): Promise<AdaptedPyramid> {
  const { weights, entry, parts, seed, device, signal } = adaptation;
  const byLabel = ([0, 1] as const).map((label) => parts.filter(({ tumour }) => tumour === label));
  const [first] = parts;
  if (first === undefined || byLabel.some(({ length }) => length === 0)) {
    throw new EpSamError("usage", {
      where: "`labelledSquares`",
      what: "needs squares of both labels on a slide, of tumour altogether and without",
      action: "Label a few of the other kind, too.",
    });
  }
  const size = { width: first.image.width, height: first.image.height };
  const levels = levelsOf(entry, size);
  const features = await featuresOf(adaptation, size);
  const count = Math.min(PER_LABEL, Math.max(...byLabel.map(({ length }) => length)));
  const graph = pyramidGraph(2 * count, levels, size);
  const step = await TrainingStep.create({
    loss: graph.losses.crossEntropy,
    parameters: graph.parameters.all(),
    optimizer: adamW({ weightDecay: WEIGHT_DECAY }),
    initial: startOf(weights),
    stepsTaken: 0,
    device,
  });
  try {
    const losses: number[] = [];
    for (let taken = 0; taken < STEPS; taken++) {
      signal?.throwIfAborted();
      const drawn = byLabel.flatMap((candidates, label) => {
        const order = new RandomStream(seed, "adaptation", label, taken).shuffled(candidates);
        return Array.from({ length: count }, (_, index) => must(order, index % order.length, "part"));
      });
      const { loss } = await step.run(feedsOf(drawn, features, levels), LEARNING_RATE);
      if (!Number.isFinite(loss)) {
        throw new EpSamError("numerical", { what: "the adaptation's loss is not finite", where: entry.name });
      }
      losses.push(loss);
    }
    const adapted = [...(await step.snapshot())].filter(([name]) => name.startsWith("pyramid."));
    const calibrated = [[decoderOffset, floatTensor([1])]] as const;
    return {
      weights: new Map([...weights, ...adapted, ...calibrated]),
      before: losses[0] ?? 0,
      after: losses.at(-1) ?? 0,
    };
  } finally {
    await step.close();
  }
}

/** The pyramid's own weights, whose last bias takes the calibration along. */
function startOf(weights: StateDict): StateDict {
  const offset = weights.get(decoderOffset)?.data[0] ?? 0;
  return new Map(
    [...weights].flatMap(([name, { shape, data }]) => {
      if (!name.startsWith("pyramid.")) return [];
      const isLast = name === "pyramid.logits.bias";
      return [[name, floatTensor(shape, isLast ? data.map((value) => value - offset) : data)] as const];
    }),
  );
}

/** Standardised features of every part. */
async function featuresOf(
  { weights, entry, parts, device, signal }: PyramidAdaptation,
  size: { readonly width: number; readonly height: number },
): Promise<ReadonlyMap<KnownPart, Levels>> {
  const own = [...weights].flatMap(([name, tensor]) =>
    name.startsWith(backbonePrefix) ? [[name.slice(backbonePrefix.length), tensor] as const] : [],
  );
  const backbone = await BackboneFeatures.create({
    entry,
    weights: new Map(own),
    ...size,
    levels: FEATURE_STRIDES,
    device,
  });
  const statistics = forEachLevel((stride) => {
    const names = standardisationTensors(stride);
    const of = (name: string) => must(weights, name, "a decoder's tensors").data;
    return { mean: of(names.mean), scale: of(names.scale) };
  });
  const features = new Map<KnownPart, Levels>();
  try {
    for (const part of parts) {
      signal?.throwIfAborted();
      const [computed = []] = await backbone.compute([part.image]);
      const byStride = new Map(computed.map((level) => [level.stride, level]));
      features.set(
        part,
        forEachLevel((stride) => {
          const { data, width, height } = must(byStride, stride, "a backbone's levels");
          const { mean, scale } = statistics[stride];
          return data.map((value, index) => {
            const channel = Math.floor(index / (width * height));
            return (value - (mean[channel] ?? 0)) * (scale[channel] ?? 0);
          });
        }),
      );
    }
  } finally {
    await backbone.close();
  }
  return features;
}

function feedsOf(
  parts: readonly KnownPart[],
  features: ReadonlyMap<KnownPart, Levels>,
  levels: ReturnType<typeof levelsOf>,
): HostTensors {
  const { width, height } = levels[FINEST];
  const shape = [parts.length, height, width];
  const targets = floatTensor(shape);
  const weights = floatTensor(shape);
  parts.forEach(({ known, tumour }, index) => {
    const [left, top, right, bottom] = [
      Math.ceil(known.left / FINEST),
      Math.ceil(known.top / FINEST),
      Math.floor((known.left + known.side) / FINEST),
      Math.floor((known.top + known.side) / FINEST),
    ];
    for (let y = top; y < bottom; y++) {
      const row = (index * height + y) * width;
      targets.data.fill(tumour, row + left, row + right);
      weights.data.fill(1, row + left, row + right);
    }
  });
  const feeds: Record<string, HostTensors[string]> = {
    [pyramidInputs.target]: targets,
    [pyramidInputs.weights]: weights,
  };
  for (const stride of FEATURE_STRIDES) {
    const level = levels[stride];
    const tensor = floatTensor([parts.length, level.channels, level.height, level.width]);
    const length = level.channels * level.height * level.width;
    parts.forEach((part, index) => {
      tensor.data.set(must(features, part, "features")[stride], index * length);
    });
    feeds[featureInput(stride)] = tensor;
  }
  return feeds;
}
