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
  type FeatureMap,
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
  /** Gives the backbone's features of a part, raw; they are computed unless told. */
  readonly features?: ((image: RgbImage) => Promise<readonly FeatureMap[]>) | undefined;
}

/** The decoder's weights, and the mean cross-entropy on known and other parts before and in the last step. */
export interface AdaptedPyramid {
  readonly weights: StateDict;
  readonly before: number;
  readonly after: number;
}

/** Standardised features by stride. */
export type Levels = Readonly<Record<FeatureStride, Float32Array>>;

/**
 * Tunes a pyramid on a few parts of a slide that are tumour altogether or have none, in seconds: the backbone stays, so
 * that its features are computed once. The calibration becomes part of the pyramid.
 * @throws EpSamError `usage` without parts of both labels, `device` when the device cannot run a step
 */
export async function adaptPyramid(adaptation: PyramidAdaptation): Promise<AdaptedPyramid> {
  const { weights, entry, parts, others, seed, device, signal } = adaptation;
  const byLabel = ([0, 1] as const).map((label) => parts.filter(({ tumour }) => tumour === label));
  requireBothLabels(byLabel);
  const { width, height } = must(parts, 0, "part").image;
  const size = { width, height };
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
        ...featureFeeds(
          [...drawn, ...kept].map((part) => must(features, part, "features")),
          levels,
        ),
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

/** @throws EpSamError `usage` when one of the labels has no squares */
export function requireBothLabels(byLabel: readonly (readonly unknown[])[]): void {
  if (byLabel.every(({ length }) => length > 0)) return;
  throw new EpSamError("usage", {
    where: "`labelledSquares`",
    what: "needs squares of both labels on a slide, of tumour altogether and without",
    action: "Label a few of the other kind, too.",
  });
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
  adaptation: PyramidAdaptation,
  size: { readonly width: number; readonly height: number },
): Promise<ReadonlyMap<UnknownPart, Levels>> {
  const { weights, parts, others, signal } = adaptation;
  const own = adaptation.features === undefined ? await openOwnBackbone(adaptation, size) : null;
  const raw = adaptation.features ?? (async (image: RgbImage) => (await own?.compute([image]))?.[0] ?? []);
  const features = new Map<UnknownPart, Levels>();
  try {
    for (const part of [...parts, ...others]) {
      signal?.throwIfAborted();
      features.set(part, standardisedLevels(await raw(part.image), weights));
    }
  } finally {
    await own?.close();
  }
  return features;
}

/** The backbone that is part of a decoder. */
export function openOwnBackbone(
  { weights, entry, device }: Pick<PyramidAdaptation, "weights" | "entry" | "device">,
  size: { readonly width: number; readonly height: number },
): Promise<BackboneFeatures> {
  const own = [...weights].flatMap(([name, tensor]) =>
    name.startsWith(backbonePrefix) ? [[name.slice(backbonePrefix.length), tensor] as const] : [],
  );
  return BackboneFeatures.create({ entry, weights: new Map(own), ...size, levels: FEATURE_STRIDES, device });
}

/** Features as a decoder sees them: every channel standardised by its statistics. */
export function standardisedLevels(maps: readonly FeatureMap[], weights: StateDict): Levels {
  const byStride = new Map(maps.map((level) => [level.stride, level]));
  return forEachLevel((stride) => {
    const names = standardisationTensors(stride);
    const of = (name: string) => must(weights, name, "a decoder's tensors").data;
    const [mean, scale] = [of(names.mean), of(names.scale)];
    const { data, width, height } = must(byStride, stride, "a backbone's levels");
    return data.map((value, index) => {
      const channel = Math.floor(index / (width * height));
      return (value - (mean[channel] ?? 0)) * (scale[channel] ?? 0);
    });
  });
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
      const logits = floatsOf(
        await session.run(featureFeeds([must(features, part, "features")], levels)),
        "fine",
      );
      predictions.set(part, probabilitiesOf({ ...levels[FINEST], data: logits }).data);
    }
  } finally {
    await session.close();
  }
  return predictions;
}

/** Standardised features of several parts as a pyramid's inputs. */
export function featureFeeds(parts: readonly Levels[], levels: FeatureLevelSizes): HostTensors {
  const feeds: Record<string, HostTensors[string]> = {};
  for (const stride of FEATURE_STRIDES) {
    const { channels, width, height } = levels[stride];
    const tensor = floatTensor([parts.length, channels, height, width]);
    parts.forEach((part, index) => {
      tensor.data.set(part[stride], index * channels * height * width);
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
