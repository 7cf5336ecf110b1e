import { EpSamError, must, RandomStream } from "../../common/index.js";
import { type Device, floatsOf, floatTensor, GraphSession, type HostTensors } from "../../graph/index.js";
import { type RgbImage, resizeFloatMap } from "../../imaging/index.js";
import { decoderOffset, sigmoid } from "../../method/index.js";
import {
  type BackboneEntry,
  BackboneFeatures,
  FEATURE_STRIDES,
  type FeatureLevelSizes,
  type FeatureMap,
  type JoinedFeatures,
  joinFeatures,
  levelsOf,
  loadBackboneWeights,
  ownBackbone,
  pyramidGraph,
  pyramidInputs,
  type StateDict,
} from "../../models/index.js";
import { adamW, TrainingStep } from "../../nn/index.js";
import { type KnownPart, requireBothLabels, type UnknownPart } from "./known-parts.js";
import { featureFeeds, type Levels, standardisedLevels } from "./pyramid-features.js";
import { taughtLogits } from "./taught-logits.js";

const LEARNING_RATE = 3e-4;
const WEIGHT_DECAY = 1e-4;
/** Stride of the level that logits are learnt at. */
const FINEST = 4;

/** What the decoder is tuned on for a while. */
interface Lesson {
  /** Of the streams that draw. */
  readonly name: string;
  readonly steps: number;
  /** Squares of each label in a step at most. */
  readonly squares: number;
  /** Parts of which nothing is known, in a step at most. */
  readonly others: number;
  /** What they count together; squares count 1 together. */
  readonly weight: number;
}

/** First the squares, then what decoder and heads say together of other parts; as tried on the regions of docs/benchmarks.md. */
const SQUARES: Lesson = { name: "squares", steps: 40, squares: 5, others: 4, weight: 0.3 };
const TOGETHER: Lesson = { name: "together", steps: 60, squares: 0, others: 8, weight: 1 };

/** What a pyramid is adapted with. */
export interface PyramidAdaptation {
  /** Of the decoder: `pyramid.*`, `backbone.*`, `standardisation.*` and perhaps its calibration. */
  readonly weights: StateDict;
  readonly entry: BackboneEntry;
  /** Of one size; both labels must be among them. */
  readonly parts: readonly KnownPart[];
  /** Parts of the slide that stand for all of it, so that a few squares do not shift everything. */
  readonly others: readonly UnknownPart[];
  /** Of the parts that steps draw. */
  readonly seed: number;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
  /** Gives the backbone's features of a part, raw; they are computed unless told. */
  readonly features?: ((image: RgbImage) => Promise<readonly FeatureMap[]>) | undefined;
  /** Called after each step. */
  readonly onStep?: ((done: number, total: number) => void) | undefined;
}

/** The decoder's weights, and the cross-entropy on squares and other parts in the first and the last step on squares. */
export interface AdaptedPyramid {
  readonly weights: StateDict;
  readonly before: number;
  readonly after: number;
}

/** What is known and seen of a slide while its decoder is tuned. */
interface Slide {
  readonly byLabel: readonly (readonly KnownPart[])[];
  readonly others: readonly UnknownPart[];
  readonly features: ReadonlyMap<UnknownPart, PartFeatures>;
  readonly levels: FeatureLevelSizes;
  readonly size: { readonly width: number; readonly height: number };
}

/** Features of a part: as the decoder sees them, and joined for heads. */
interface PartFeatures {
  readonly standardised: Levels;
  /** Of the decoder's backbone, and of the backbone that it was before it was trained. */
  readonly joined: readonly [JoinedFeatures, JoinedFeatures];
}

/**
 * Tunes a pyramid on a few parts of a slide that are tumour altogether or have none, in seconds: the backbone stays, so
 * that its features are computed once. Then two heads are taught by the same squares, on the decoder's backbone and on
 * what that was before it was trained, both standardised by the slide itself, and the pyramid learns what all three say
 * together of other parts: it knows outlines, the heads know the slide. The calibration becomes part of the pyramid.
 * @throws EpSamError `usage` without parts of both labels, `device` when the device cannot run a step
 */
export async function adaptPyramid(adaptation: PyramidAdaptation): Promise<AdaptedPyramid> {
  const { weights, entry, parts, others } = adaptation;
  const byLabel = ([0, 1] as const).map((label) => parts.filter(({ tumour }) => tumour === label));
  requireBothLabels(byLabel);
  const { width, height } = must(parts, 0, "part").image;
  const size = { width, height };
  const features = await featuresOf(adaptation, size);
  const slide = { byLabel, others, features, levels: levelsOf(entry, size), size };

  const start = startOf(weights);
  const before = await logitsOf(adaptation, slide, start);
  const first = await tuned(adaptation, slide, { lesson: SQUARES, start, targets: probabilities(before) });
  const last = others.length === 0 ? first : await tunedTogether(adaptation, slide, first.weights);
  return {
    weights: new Map([...weights, ...last.weights, [decoderOffset, floatTensor([1])]]),
    before: first.losses[0] ?? 0,
    after: first.losses.at(-1) ?? 0,
  };
}

/** Tunes a pyramid on what it and heads that the same squares teach say together of parts of which nothing is known. */
async function tunedTogether(
  adaptation: PyramidAdaptation,
  slide: Slide,
  start: StateDict,
): Promise<{ readonly weights: StateDict; readonly losses: readonly number[] }> {
  const own = await logitsOf(adaptation, slide, start);
  const { parts, others, seed, device, signal } = adaptation;
  const seen = (part: UnknownPart) => must(slide.features, part, "features").joined;
  const sums = new Map([...own].map(([part, logits]) => [part, logits.slice()] as const));
  const { width, height } = slide.levels[FINEST];
  for (const index of [0, 1] as const) {
    const taught = await taughtLogits({
      parts: parts.map((part) => ({ part, features: seen(part)[index] })),
      others: others.map((part) => seen(part)[index]),
      ...{ seed, device, signal },
    });
    others.forEach((part, at) => {
      const { data } = resizeFloatMap(must(taught, at, "logits"), width, height);
      const sum = must(sums, part, "logits");
      for (let cell = 0; cell < sum.length; cell++) sum[cell] = (sum[cell] ?? 0) + (data[cell] ?? 0);
    });
  }
  return tuned(adaptation, slide, { lesson: TOGETHER, start, targets: probabilities(sums) });
}

type PerCell = ReadonlyMap<UnknownPart, Float32Array>;

function probabilities(logits: PerCell): PerCell {
  return new Map([...logits].map(([part, data]) => [part, data.map(sigmoid)]));
}

/** @returns the pyramid's own weights, and the loss of every step */
async function tuned(
  { entry, seed, device, signal, onStep }: PyramidAdaptation,
  { byLabel, others, features, levels, size }: Slide,
  {
    lesson,
    start,
    targets,
  }: { readonly lesson: Lesson; readonly start: StateDict; readonly targets: PerCell },
): Promise<{ readonly weights: StateDict; readonly losses: readonly number[] }> {
  const count = Math.min(lesson.squares, Math.max(...byLabel.map(({ length }) => length)));
  const unknown = Math.min(lesson.others, others.length);
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
    for (let taken = 0; taken < lesson.steps; taken++) {
      signal?.throwIfAborted();
      const stream = (of: string | number) => new RandomStream(seed, "adaptation", lesson.name, of, taken);
      const drawn = byLabel.flatMap((candidates, label) => {
        const order = stream(label).shuffled(candidates);
        return Array.from({ length: count }, (_, index) => must(order, index % order.length, "part"));
      });
      const kept = stream("others").shuffled(others).slice(0, unknown);
      const seen = [...drawn, ...kept].map((part) => must(features, part, "features").standardised);
      const feeds = {
        ...featureFeeds(seen, levels),
        ...targetFeeds(drawn, { parts: kept, targets, weight: lesson.weight }, levels),
      };
      const { loss } = await step.run(feeds, LEARNING_RATE);
      if (!Number.isFinite(loss)) {
        throw new EpSamError("numerical", { what: "the adaptation's loss is not finite", where: entry.name });
      }
      losses.push(loss);
      onStep?.((lesson === TOGETHER ? SQUARES.steps : 0) + taken + 1, SQUARES.steps + TOGETHER.steps);
    }
    const weights = new Map([...(await step.snapshot())].filter(([name]) => name.startsWith("pyramid.")));
    return { weights, losses };
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

async function featuresOf(
  adaptation: PyramidAdaptation,
  size: { readonly width: number; readonly height: number },
): Promise<ReadonlyMap<UnknownPart, PartFeatures>> {
  const { weights, entry, device, parts, others, signal } = adaptation;
  const opened: BackboneFeatures[] = [];
  const open = async (backboneWeights: StateDict) => {
    const levels = FEATURE_STRIDES;
    const backbone = await BackboneFeatures.create({
      ...{ entry, weights: backboneWeights, ...size, levels, device },
    });
    opened.push(backbone);
    return async (image: RgbImage) => must(await backbone.compute([image]), 0, "features");
  };
  const features = new Map<UnknownPart, PartFeatures>();
  try {
    const trained = adaptation.features ?? (await open(ownBackbone(weights)));
    const untrained = await open((await loadBackboneWeights(entry)).weights);
    for (const part of [...parts, ...others]) {
      signal?.throwIfAborted();
      const maps = await trained(part.image);
      const joined = [joinFeatures(maps), joinFeatures(await untrained(part.image))] as const;
      features.set(part, { standardised: standardisedLevels(maps, weights), joined });
    }
  } finally {
    await Promise.all(opened.map((backbone) => backbone.close()));
  }
  return features;
}

/** What a pyramid says of the parts of which nothing is known: logits at the finest level. */
async function logitsOf(
  { device, signal }: PyramidAdaptation,
  { others, features, levels }: Slide,
  weights: StateDict,
): Promise<PerCell> {
  const { fine } = pyramidGraph(1, levels, { width: 1, height: 1 });
  const session = await GraphSession.create({ fine }, device, { bind: weights });
  const logits = new Map<UnknownPart, Float32Array>();
  try {
    for (const part of others) {
      signal?.throwIfAborted();
      const { standardised } = must(features, part, "features");
      logits.set(part, floatsOf(await session.run(featureFeeds([standardised], levels)), "fine"));
    }
  } finally {
    await session.close();
  }
  return logits;
}

/** What is to be predicted of the parts; each known one counts as much as another, and each other one. */
function targetFeeds(
  known: readonly KnownPart[],
  {
    parts,
    targets: told,
    weight: ofOthers,
  }: { readonly parts: readonly UnknownPart[]; readonly targets: PerCell; readonly weight: number },
  levels: FeatureLevelSizes,
): HostTensors {
  const { width, height } = levels[FINEST];
  const cells = width * height;
  const shape = [known.length + parts.length, height, width];
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
  parts.forEach((part, index) => {
    const at = (known.length + index) * cells;
    targets.data.set(must(told, part, "probabilities"), at);
    weights.data.fill(ofOthers / (cells * parts.length), at, at + cells);
  });
  return { [pyramidInputs.target]: targets, [pyramidInputs.weights]: weights };
}
