import { EpSamError, must, RandomStream } from "../../common/index.js";
import { type Device, floatsOf, floatTensor, GraphSession, type HostTensors } from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { decoderOffset, probabilitiesOf } from "../../method/index.js";
import {
  type BackboneEntry,
  BackboneFeatures,
  backbonePrefix,
  FEATURE_STRIDES,
  type FeatureLevelSizes,
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

/** As tried on the breast regions of docs/benchmarks.md. */
const STEPS = 40;
const LEARNING_RATE = 3e-4;
const WEIGHT_DECAY = 1e-4;
/** Squares of each label in a step, and parts of which nothing is known. */
const PER_LABEL = 5;
const UNKNOWN = 4;
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

/** A part of a slide of which nothing is known; of the size of the known parts. */
export interface UnknownPart {
  readonly image: RgbImage;
}

/** What a pyramid is adapted with. */
export interface PyramidAdaptation {
  /** Of the decoder: `pyramid.*`, `backbone.*`, `standardisation.*` and perhaps its calibration. */
  readonly weights: StateDict;
  readonly entry: BackboneEntry;
  /** Of one size; both labels must be among them. */
  readonly parts: readonly KnownPart[];
  /** What the decoder says of these it is to say afterwards, too, so that a few squares do not shift everything. */
  readonly others: readonly UnknownPart[];
  /** Of the parts that steps draw. */
  readonly seed: number;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
}

/** The decoder's weights, and the mean cross-entropy on known and other parts before and in the last step. */
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
  const { weights, entry, parts, others, seed, device, signal } = adaptation;
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
  const start = startOf(weights);
  const predicted = await predictionsOf(others, { features, levels, start, device, signal });
  const count = Math.min(PER_LABEL, Math.max(...byLabel.map(({ length }) => length)));
  const unknown = Math.min(UNKNOWN, others.length);
  const graph = pyramidGraph(2 * count + unknown, levels, size);
  const step = await TrainingStep.create({
    loss: graph.losses.crossEntropy,
    parameters: graph.parameters.all(),
    optimizer: adamW({ weightDecay: WEIGHT_DECAY }),
    initial: start,
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
      const kept = new RandomStream(seed, "adaptation", "others", taken).shuffled(others).slice(0, unknown);
      const feeds = {
        ...featureFeeds([...drawn, ...kept], features, levels),
        ...targetFeeds(drawn, kept, predicted, levels),
      };
      const { loss } = await step.run(feeds, LEARNING_RATE);
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
  { weights, entry, parts, others, device, signal }: PyramidAdaptation,
  size: { readonly width: number; readonly height: number },
): Promise<ReadonlyMap<UnknownPart, Levels>> {
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
  const features = new Map<UnknownPart, Levels>();
  try {
    for (const part of [...parts, ...others]) {
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

/** What the decoder says of parts before it is adapted: probabilities at the finest level. */
async function predictionsOf(
  parts: readonly UnknownPart[],
  {
    features,
    levels,
    start,
    device,
    signal,
  }: {
    readonly features: ReadonlyMap<UnknownPart, Levels>;
    readonly levels: FeatureLevelSizes;
    readonly start: StateDict;
    readonly device: Device;
    readonly signal: AbortSignal | undefined;
  },
): Promise<ReadonlyMap<UnknownPart, Float32Array>> {
  const { fine } = pyramidGraph(1, levels, { width: 1, height: 1 });
  const session = await GraphSession.create({ fine }, device, { bind: start });
  const predictions = new Map<UnknownPart, Float32Array>();
  try {
    for (const part of parts) {
      signal?.throwIfAborted();
      const logits = floatsOf(await session.run(featureFeeds([part], features, levels)), "fine");
      predictions.set(part, probabilitiesOf({ ...levels[FINEST], data: logits }).data);
    }
  } finally {
    await session.close();
  }
  return predictions;
}

function featureFeeds(
  parts: readonly UnknownPart[],
  features: ReadonlyMap<UnknownPart, Levels>,
  levels: FeatureLevelSizes,
): HostTensors {
  const feeds: Record<string, HostTensors[string]> = {};
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

/** What is to be predicted of the parts; the known ones together count as much as the others together. */
function targetFeeds(
  known: readonly KnownPart[],
  others: readonly UnknownPart[],
  predicted: ReadonlyMap<UnknownPart, Float32Array>,
  levels: FeatureLevelSizes,
): HostTensors {
  const { width, height } = levels[FINEST];
  const cells = width * height;
  const shape = [known.length + others.length, height, width];
  const targets = floatTensor(shape);
  const weights = floatTensor(shape);
  known.forEach(({ known: { left, top, side }, tumour }, index) => {
    const [first, last] = [Math.ceil(left / FINEST), Math.floor((left + side) / FINEST)];
    const [upper, lower] = [Math.ceil(top / FINEST), Math.floor((top + side) / FINEST)];
    const weight = 1 / Math.max(1, (last - first) * (lower - upper) * known.length);
    for (let y = upper; y < lower; y++) {
      const row = index * cells + y * width;
      targets.data.fill(tumour, row + first, row + last);
      weights.data.fill(weight, row + first, row + last);
    }
  });
  others.forEach((part, index) => {
    const at = (known.length + index) * cells;
    targets.data.set(must(predicted, part, "probabilities"), at);
    weights.data.fill(1 / (cells * others.length), at, at + cells);
  });
  return { [pyramidInputs.target]: targets, [pyramidInputs.weights]: weights };
}
