import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  gradients,
  type HostTensors,
} from "../../src/graph/index.js";
import {
  type CellGrid,
  cellsOfWindow,
  denseClassifierTrainingGraph,
  denseFeaturesInput,
  initialDenseWeights,
  type LabelledWindow,
  standardisationInputs,
  standardisationShape,
  type WindowPooling,
  windowFeeds,
  windowSlots,
  withContext,
} from "../../src/models/index.js";

const GRID: CellGrid = { width: 6, height: 5, stride: 16 };
const SHARE = 0.25;
const CHANNELS = 3;
const options = (pooling: WindowPooling) => ({ channels: CHANNELS, context: [], hidden: 4, pooling });
const size = { batchSize: 2, width: GRID.width, height: GRID.height };

const patches: LabelledWindow[][] = [
  [
    { x: 0, y: 0, size: 64, tumour: 1, other: 0 },
    { x: 32, y: 16, size: 48, tumour: 1, other: 1 },
    { x: 3, y: 5, size: 4, tumour: 0, other: 1 },
  ],
  [{ x: 16, y: 0, size: 80, tumour: 0, other: null }],
];

function features(): Float32Array {
  const random = new RandomStream(1, "features");
  return Float32Array.from({ length: 2 * CHANNELS * GRID.width * GRID.height }, () => random.normal() + 1);
}

/** The loss as written in the docs, in double precision, cell by cell. */
function referenceLoss(weights: ReadonlyMap<string, FloatTensor>, pooling: WindowPooling): number {
  const cells = GRID.width * GRID.height;
  const values = features();
  const of = (name: string) => weights.get(`head.${name}`)?.data ?? new Float32Array();
  const map = (image: number, cell: number): number => {
    let logit = of("2.bias")[0] ?? 0;
    for (let unit = 0; unit < 4; unit++) {
      let sum = of("0.bias")[unit] ?? 0;
      for (let channel = 0; channel < CHANNELS; channel++) {
        const x = ((values[(image * CHANNELS + channel) * cells + cell] ?? 0) - 1) * 2;
        sum += x * (of("0.weight")[unit * CHANNELS + channel] ?? 0);
      }
      logit += Math.max(0, sum) * (of("2.weight")[unit] ?? 0);
    }
    return logit;
  };
  const pooled = (logits: readonly number[]): number => {
    const mean = (chosen: readonly number[]) => chosen.reduce((a, b) => a + b, 0) / chosen.length;
    if (pooling.kind === "mean") return mean(logits);
    if (pooling.kind === "log-sum-exp") {
      return Math.log(mean(logits.map((x) => Math.exp(pooling.sharpness * x)))) / pooling.sharpness;
    }
    const highest = Math.max(1, Math.round(logits.length * SHARE));
    return mean([...logits].sort((a, b) => b - a).slice(0, highest));
  };
  const errors = patches.flatMap((windows, image) =>
    windows.flatMap((window) => {
      const logits = cellsOfWindow(window, GRID).map((cell) => map(image, cell));
      const judged = [
        [pooled(logits), window.tumour],
        [pooled(logits.map((x) => -x)), window.other],
      ] as const;
      return judged.flatMap(([x, y]) => (y === null ? [] : [Math.log1p(Math.exp(x)) - x * y]));
    }),
  );
  return errors.reduce((a, b) => a + b, 0) / errors.length;
}

describe("the cells of a window", () => {
  it("are those whose centre lies in it, or the nearest", () => {
    const grid = { width: 28, height: 28, stride: 16 };
    expect(cellsOfWindow({ x: 56, y: 56, size: 112 }, grid)).toHaveLength(49);
    expect(cellsOfWindow({ x: 0, y: 0, size: 112 }, grid)[0]).toBe(0);
    expect(cellsOfWindow({ x: 9, y: 0, size: 16 }, grid)).toEqual([1]);
    expect(cellsOfWindow({ x: 8, y: 0, size: 16 }, grid)).toEqual([0]);
    expect(cellsOfWindow({ x: 444, y: 440, size: 4 }, grid)).toEqual([27 * 28 + 27]);
    expect(cellsOfWindow({ x: 432, y: 0, size: 16 }, grid)).toEqual([27]);
  });
});

describe("multiple-instance pooling", () => {
  it.each<WindowPooling>([
    { kind: "highest-share", share: SHARE },
    { kind: "mean" },
    { kind: "log-sum-exp", sharpness: 2 },
  ])("by $kind has the loss and the gradients that it says", async (pooling) => {
    const slots = windowSlots(patches, GRID);
    expect(slots).toEqual({ windows: 3, cells: 25 });
    const graph = denseClassifierTrainingGraph(options(pooling), size, slots);
    const weights = initialDenseWeights(options(pooling), (name) => new RandomStream(0, name));
    const names = [...graph.parameters.all().keys()];
    const derived = gradients(
      graph.loss,
      names.map((name) => graph.parameters.all().get(name) ?? expect.unreachable()),
    );
    const outputs = Object.fromEntries(
      names.map((name, index) => [`gradient of ${name}`, derived[index] ?? expect.unreachable()]),
    );
    const session = await GraphSession.create(
      { loss: graph.loss, map: graph.map, ...outputs },
      device("cpu", 1),
    );
    const shape = standardisationShape(2, CHANNELS);
    const feeds: HostTensors = {
      [denseFeaturesInput]: floatTensor([2, CHANNELS, GRID.height, GRID.width], features()),
      [standardisationInputs.mean]: floatTensor(shape, new Float32Array(2 * CHANNELS).fill(1)),
      [standardisationInputs.scale]: floatTensor(shape, new Float32Array(2 * CHANNELS).fill(2)),
      ...windowFeeds(patches, GRID, slots, pooling),
      ...Object.fromEntries(weights),
    };
    const results = await session.run(feeds);
    await session.close();
    expect(floatsOf(results, "loss")[0]).toBeCloseTo(referenceLoss(weights, pooling), 5);
    for (const [name, tensor] of weights) {
      const element = tensor.data.length - 1;
      const moved = (by: number) => {
        const data = Float64Array.from(tensor.data);
        data[element] = (data[element] ?? 0) + by;
        const changed = new Map(weights).set(name, floatTensor(tensor.shape, Float32Array.from(data)));
        return referenceLoss(changed, pooling);
      };
      const numeric = (moved(1e-3) - moved(-1e-3)) / 2e-3;
      expect(floatsOf(results, `gradient of ${name}`)[element], name).toBeCloseTo(numeric, 3);
    }
  });
});

describe("context", () => {
  const [channels, width, height] = [2, 7, 5];
  const stream = new RandomStream(0, "context");
  const data = Float32Array.from({ length: channels * width * height }, () => stream.normal());

  it("appends each channel's mean over squares, as far as the image has them", () => {
    const joined = withContext({ channels, width, height, data }, [3, 9]);
    expect(joined).toMatchObject({ channels: 6, width, height });
    expect(joined.data.subarray(0, data.length)).toEqual(data);
    [3, 9].forEach((side, part) => {
      const reach = (side - 1) / 2;
      for (let channel = 0; channel < channels; channel++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const cells = Array.from({ length: width * height }, (_, index) => index).filter(
              (index) =>
                Math.abs((index % width) - x) <= reach && Math.abs(Math.floor(index / width) - y) <= reach,
            );
            const sum = cells.reduce(
              (total, index) => total + (data[channel * width * height + index] ?? 0),
              0,
            );
            const at = ((part + 1) * channels + channel) * width * height + y * width + x;
            expect(joined.data[at]).toBeCloseTo(sum / cells.length, 5);
          }
        }
      }
    });
  });

  it("is nothing without squares", () => {
    expect(withContext({ channels, width, height, data }, []).data).toBe(data);
  });
});
