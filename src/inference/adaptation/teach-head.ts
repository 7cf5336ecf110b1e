import { must, RandomStream } from "../../common/index.js";
import { type Device, floatTensor, type HostTensors } from "../../graph/index.js";
import {
  type ChannelStatistics,
  ChannelSums,
  denseTensors,
  disturbed,
  drawChannelNoise,
} from "../../method/index.js";
import {
  cellsOfWindow,
  type DenseClassifierOptions,
  denseClassifierTrainingGraph,
  denseFeaturesInput,
  initialDenseWeights,
  type JoinedFeatures,
  type StateDict,
  standardisationInputs,
  standardisationShape,
  windowFeeds,
} from "../../models/index.js";
import { adamW, cosineSchedule, TrainingStep } from "../../nn/index.js";
import { TEACHING_RATE } from "../../run/index.js";
import { type KnownPart, requireBothLabels } from "./known-parts.js";

/**
 * Nine tenths of a square's cells speak for it, so that it may hold some of the other kind; twice the presets' noise on
 * features, since ten squares of one slide are few. With six sets of squares on a breast region (bcss1008) a share of 0.95
 * gained 0.013 of mean IoU over 0.8, and the noise 0.009.
 */
export const TAUGHT_HEAD = { poolingShare: 0.9, featureNoise: 0.6 } as const;

/** As tried on regions of two breast slides, ten squares each. */
const STEPS = 60;
const WEIGHT_DECAY = 1e-2;
/** Squares of each label in a step at most. */
const PER_LABEL = 24;
/** Pixels between cells: the coarsest level's stride. */
const STRIDE = 16;

/** What a head is taught with. */
export interface HeadLesson {
  readonly options: DenseClassifierOptions;
  /** What it starts from; null for drawn weights. */
  readonly head: StateDict | null;
  /** See `classifier.dense.featureNoise`. */
  readonly noise: number;
  readonly parts: readonly { readonly part: KnownPart; readonly features: JoinedFeatures }[];
  /** Of parts drawn from the slide: with the squares, what features are standardised by. */
  readonly others: readonly JoinedFeatures[];
  /** Of the starting weights, the noise and what steps draw. */
  readonly seed: number;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
}

/** The cells of a square. */
interface Square {
  /** [channels, cells] */
  readonly features: Float32Array;
  readonly cells: number;
  readonly tumour: 0 | 1;
}

/**
 * Teaches a dense head, a new one or a run's, on a frozen backbone's features with squares that are mostly tumour or mostly not, in a
 * second. The same lesson gives the same bytes.
 * @returns `head.*` and {@link denseTensors}
 * @throws EpSamError `usage` without squares of both labels, `device` when the device cannot run a step
 */
export async function teachHead(lesson: HeadLesson): Promise<StateDict> {
  const { options, head, parts, others, seed, device, signal } = lesson;
  const squares = parts.map(squareOf);
  const byLabel = ([0, 1] as const).map((label) => squares.filter(({ tumour }) => tumour === label));
  requireBothLabels(byLabel);
  const sums = new ChannelSums(options.channels);
  for (const { data } of [...others, ...parts.map(({ features }) => features)]) sums.add(data);
  const statistics = sums.statistics();
  const count = Math.min(PER_LABEL, Math.max(...byLabel.map(({ length }) => length)));
  const cells = Math.max(...squares.map((square) => square.cells));
  const graph = denseClassifierTrainingGraph(
    options,
    { batchSize: 2 * count, width: cells, height: 1 },
    { windows: 1, cells },
  );
  const step = await TrainingStep.create({
    loss: graph.loss,
    parameters: graph.parameters.all(),
    optimizer: adamW({ weightDecay: WEIGHT_DECAY }),
    initial:
      head ?? initialDenseWeights(options, (name) => new RandomStream(seed, "classifier weights", name)),
    stepsTaken: 0,
    device,
  });
  try {
    const schedule = cosineSchedule(TEACHING_RATE, STEPS);
    const windows = new SquareWindows(cells, options.pooling);
    for (let taken = 0; taken < STEPS; taken++) {
      signal?.throwIfAborted();
      const batch = byLabel.flatMap((candidates, label) => {
        const order = new RandomStream(seed, "squares", label, taken).shuffled(candidates);
        return Array.from({ length: count }, (_, index) => must(order, index % order.length, "square"));
      });
      const stream = new RandomStream(seed, "feature noise", taken);
      const feeds = { ...feedsOf(batch, cells, lesson, statistics, stream), ...windows.of(batch) };
      await step.run(feeds, schedule(taken));
    }
    return new Map([...(await step.snapshot()), ...calibration(lesson, statistics, cells)]);
  } finally {
    await step.close();
  }
}

function calibration(
  { options }: HeadLesson,
  { mean, scale }: ChannelStatistics,
  cells: number,
): (readonly [string, ReturnType<typeof floatTensor>])[] {
  const { pooling } = options;
  const share = pooling.kind === "highest-share" ? pooling.share : 1;
  const presence = Float32Array.of(Math.max(1, Math.round(cells * share)));
  return [
    [denseTensors.mean, floatTensor([mean.length], mean)],
    [denseTensors.scale, floatTensor([scale.length], scale)],
    [denseTensors.offset, floatTensor([1])],
    [denseTensors.presenceCells, floatTensor([1], presence)],
  ];
}

function squareOf({ part, features }: HeadLesson["parts"][number]): Square {
  const { channels, width, height, data } = features;
  const { left: x, top: y, side: size } = part.known;
  const cells = cellsOfWindow({ x, y, size }, { width, height, stride: STRIDE });
  const own = new Float32Array(channels * cells.length);
  for (let channel = 0; channel < channels; channel++) {
    cells.forEach((cell, index) => {
      own[channel * cells.length + index] = data[channel * width * height + cell] ?? 0;
    });
  }
  return { features: own, cells: cells.length, tumour: part.tumour };
}

function feedsOf(
  batch: readonly Square[],
  cells: number,
  { options, noise }: HeadLesson,
  statistics: ChannelStatistics,
  stream: RandomStream,
): HostTensors {
  const { channels } = options;
  const features = floatTensor([batch.length, channels, 1, cells]);
  const shape = standardisationShape(batch.length, channels);
  const [means, scales] = [floatTensor(shape), floatTensor(shape)];
  batch.forEach((square, index) => {
    for (let channel = 0; channel < channels; channel++) {
      const from = square.features.subarray(channel * square.cells, (channel + 1) * square.cells);
      features.data.set(from, (index * channels + channel) * cells);
    }
    const { mean, scale } = disturbed(statistics, drawChannelNoise(channels, noise, stream));
    means.data.set(mean, index * channels);
    scales.data.set(scale, index * channels);
  });
  return {
    [denseFeaturesInput]: features,
    [standardisationInputs.mean]: means,
    [standardisationInputs.scale]: scales,
  };
}

/** What squares of these sizes and labels are, one after the other: the same for most steps of a lesson. */
class SquareWindows {
  readonly #cells: number;
  readonly #pooling: DenseClassifierOptions["pooling"];
  readonly #known = new Map<string, HostTensors>();

  constructor(cells: number, pooling: DenseClassifierOptions["pooling"]) {
    this.#cells = cells;
    this.#pooling = pooling;
  }

  of(batch: readonly Square[]): HostTensors {
    const key = batch.map(({ cells, tumour }) => `${cells}/${tumour}`).join();
    const windows = batch.map(({ cells: own, tumour }) => [
      { x: 0, y: 0, size: own, tumour, other: tumour === 1 ? 0 : 1 } as const,
    ]);
    const cells = this.#cells;
    const grid = { width: cells, height: 1, stride: 1 };
    const feeds = this.#known.get(key) ?? windowFeeds(windows, grid, { windows: 1, cells }, this.#pooling);
    this.#known.set(key, feeds);
    return feeds;
  }
}
