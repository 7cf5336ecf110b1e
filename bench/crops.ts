import { Command } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { patchGeometry, readArea } from "../src/dataset/index.js";
import { device, elementCount, floatTensor } from "../src/graph/index.js";
import { cutArea, type RgbImage } from "../src/imaging/index.js";
import { colourPlanes } from "../src/models/backbones/index.js";
import { cropsAlong } from "../src/models/foundation/crops.js";
import {
  BackboneFeatures,
  backbone,
  loadBackboneWeights,
  TransformerModel,
  transformerTensors,
  transformerWeights,
} from "../src/models/index.js";
import { openSlide } from "../src/slides/index.js";
import { transformerSizes } from "./transformer-sizes.js";

// How patches larger than a model's images are best shown to it: whole, or as overlapping crops of which a border is dropped.
// The measure is what the model makes of an image of its own size with the cell in the middle.

/** Cells along a side of the patches, and of the images that the model is made for. */
const CELLS = 48;
const OWN = 16;
const BORDERS = [0, 1, 2, 4];
const MICRONS_PER_PIXEL = 0.5;
/** Of random positions: they change from cell to cell, as learnt ones do not, so that large ones would drown what is seen. */
const POSITIONS = 0.05;

const command = new Command("bench:crops")
  .description("Compares ways to show a model patches larger than its images.")
  .option("--patches <count>", "patches of each slide", wholeNumber(1), 2)
  .option("--sampled <count>", "cells along a side that are compared", wholeNumber(2), 9)
  .option("--threads <count>", "threads", wholeNumber(1), 1)
  .argument("<slides...>", "slides that tell their microns per pixel")
  .parse();
const { patches, sampled, threads } = command.opts();
const [slides] = command.processedArgs;

/** Gives the feature of every cell of a square image. */
interface Encoder {
  readonly name: string;
  readonly stride: number;
  /** @returns [channels, cells, cells] */
  encode(image: RgbImage): Promise<Float32Array>;
  close(): Promise<void>;
}

/** With weights of trained models' magnitude. */
const small = transformerSizes.S;

function randomTensor(name: string, shape: readonly number[]) {
  const data = new Float32Array(elementCount(shape));
  const [rows = 1, ...others] = shape;
  const limit =
    shape.length === 3 ? POSITIONS : shape.length === 1 ? 0.1 : Math.sqrt(6 / (rows + elementCount(others)));
  const middle = /norm.*weight$|gamma$/.test(name) ? 1 : 0;
  let state = [...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7) | 0;
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[at] = middle + (state / 2 ** 31) * limit;
  }
  return floatTensor(shape, data);
}

async function randomTransformer(): Promise<Encoder> {
  const shapes = new Map(transformerTensors(small).map(({ name, shape }) => [name, shape]));
  const weights = transformerWeights({
    ...{ path: "random", format: "safetensors", others: [], metadata: new Map() },
    tensors: new Map([...shapes].map(([name, shape]) => [name, { shape, elementType: "float32" }])),
    read: async (name) => randomTensor(name, shapes.get(name) ?? []),
    close: async () => undefined,
  });
  const opened = new Map<number, TransformerModel>();
  return {
    name: "ViT-S, random weights",
    stride: small.patch,
    encode: async (image) => {
      const side = image.width / small.patch;
      const model =
        opened.get(side) ??
        (await TransformerModel.create({
          ...{ transformer: small, weights, batchSize: 1, device: device("cpu", threads) },
          grid: { rows: side, columns: side },
          normalisation: { mean: [180, 148, 180], deviation: [54, 59, 45] },
        }));
      opened.set(side, model);
      const [map = new Float32Array()] = await model.run(colourPlanes([image]));
      return map;
    },
    close: async () => void (await Promise.all([...opened.values()].map((model) => model.close()))),
  };
}

async function trainedBackbone(): Promise<Encoder> {
  const entry = backbone("efficientnet-lite0");
  const { weights } = await loadBackboneWeights(entry);
  const opened = new Map<number, BackboneFeatures>();
  return {
    name: "EfficientNet-Lite0, stride 16, trained",
    stride: 16,
    encode: async (image) => {
      const { width, height } = image;
      const options = {
        entry,
        weights,
        width,
        height,
        levels: [16],
        device: device("cpu", threads),
      } as const;
      const features = opened.get(width) ?? (await BackboneFeatures.create(options));
      opened.set(width, features);
      const [maps = []] = await features.compute([image]);
      return maps[0]?.data ?? new Float32Array();
    },
    close: async () => void (await Promise.all([...opened.values()].map((features) => features.close()))),
  };
}

/** A map of crops of a patch, and where crops meet: cells whose left neighbour is of another. */
async function inCrops({ encode, stride }: Encoder, patch: RgbImage, border: number) {
  const along = cropsAlong(CELLS, OWN, border);
  const side = OWN * stride;
  let map = new Float32Array();
  for (const down of along) {
    for (const across of along) {
      const place = { left: across.start * stride, top: down.start * stride, width: side, height: side };
      const found = await encode(cutArea(patch, place));
      const channels = found.length / OWN ** 2;
      if (map.length === 0) map = new Float32Array(channels * CELLS ** 2);
      for (let channel = 0; channel < channels; channel++) {
        for (let row = down.from; row < down.to; row++) {
          const from = (channel * OWN + row - down.start) * OWN - across.start;
          map.set(
            found.subarray(from + across.from, from + across.to),
            (channel * CELLS + row) * CELLS + across.from,
          );
        }
      }
    }
  }
  return { map, seams: new Set(along.slice(1).map(({ from }) => from)), crops: along.length ** 2 };
}

/** One cell's feature of a map with so many cells along a side. */
function cellOf(map: Float32Array, side: number, row: number, column: number): Float32Array {
  const channels = map.length / side ** 2;
  return Float32Array.from(
    { length: channels },
    (_, channel) => map[(channel * side + row) * side + column] ?? 0,
  );
}

function distance(one: Float32Array, other: Float32Array): number {
  return Math.sqrt(one.reduce((sum, value, at) => sum + (value - (other[at] ?? 0)) ** 2, 0));
}

/** How much features change on average from a cell to that on its right, in the columns asked for. */
function meanStep(map: Float32Array, isAsked: (column: number) => boolean): number {
  const columns = Array.from({ length: CELLS - 1 }, (_, index) => index + 1).filter(isAsked);
  const rows = Array.from({ length: CELLS / 3 }, (_, index) => 3 * index);
  const steps = rows.flatMap((row) =>
    columns.map((column) => distance(cellOf(map, CELLS, row, column - 1), cellOf(map, CELLS, row, column))),
  );
  return steps.reduce((sum, step) => sum + step, 0) / steps.length;
}

/** Sums over patches. */
interface Figures {
  error: number;
  seam: number;
  inside: number;
  processor: number;
  crops: number;
}

async function compare(encoder: Encoder, images: readonly RgbImage[]): Promise<void> {
  const ways = new Map<string, Figures>();
  let spread = 0;
  const step = (CELLS - OWN) / (sampled - 1);
  const cells = Array.from({ length: sampled }, (_, index) => Math.round(OWN / 2 + index * step));
  for (const image of images) {
    const places = cells.flatMap((row) => cells.map((column) => ({ row, column })));
    const ideal: Float32Array[] = [];
    for (const { row, column } of places) {
      const [top, left] = [row, column].map((cell) => (cell - OWN / 2) * encoder.stride);
      const side = OWN * encoder.stride;
      const own = await encoder.encode(
        cutArea(image, { left: left ?? 0, top: top ?? 0, width: side, height: side }),
      );
      ideal.push(cellOf(own, OWN, OWN / 2, OWN / 2));
    }
    const mean = Float32Array.from(
      ideal[0] ?? [],
      (_, at) => ideal.reduce((sum, one) => sum + (one[at] ?? 0), 0) / ideal.length,
    );
    spread += ideal.reduce((sum, one) => sum + distance(one, mean), 0);
    const own = await inCrops(encoder, image, 2);
    const shown = [
      ...BORDERS.map((border) => ({
        name: `crops, border ${border}`,
        run: () => inCrops(encoder, image, border),
      })),
      {
        name: "whole",
        run: async () => ({ map: await encoder.encode(image), seams: own.seams, crops: 1 }),
      },
    ];
    await encoder.encode(image);
    for (const { name, run } of shown) {
      const before = process.cpuUsage();
      const { map, seams, crops } = await run();
      const { user, system } = process.cpuUsage(before);
      const sum = ways.get(name) ?? { error: 0, seam: 0, inside: 0, processor: 0, crops };
      sum.processor += (user + system) / 1e6;
      places.forEach(({ row, column }, index) => {
        sum.error += distance(cellOf(map, CELLS, row, column), ideal[index] ?? new Float32Array());
      });
      sum.seam += meanStep(map, (column) => seams.has(column));
      sum.inside += meanStep(map, (column) => !seams.has(column));
      ways.set(name, sum);
    }
  }
  console.log(
    `${encoder.name}: ${images.length} patches of ${CELLS}×${CELLS} cells, images of ${OWN}×${OWN}`,
  );
  for (const [name, { error, seam, inside, processor, crops }] of ways) {
    console.log(
      `  ${name.padEnd(16)} ${String(crops).padStart(3)} runs  from the ideal ${((100 * error) / spread).toFixed(1)} %  ` +
        `step at seams ${(seam / inside).toFixed(2)}  ${(processor / images.length).toFixed(2)} s of processors`,
    );
  }
}

/** Squares of tissue along a slide's diagonal. */
async function readPatches(path: string, side: number): Promise<RgbImage[]> {
  const source = await openSlide(path);
  try {
    const found = patchGeometry(source, { mpp: MICRONS_PER_PIXEL }, source.micronsPerPixel, side);
    if ("refused" in found) throw new Error(`${path}: ${found.refused}`);
    const { accepted } = found;
    const [{ width, height } = { width: 0, height: 0 }] = source.levels;
    const images: RgbImage[] = [];
    for (let index = 0; index < patches; index++) {
      const share = (index + 1) / (patches + 1);
      const x = Math.floor(share * (width - side * accepted.pixelSize.x));
      const y = Math.floor(share * (height - side * accepted.pixelSize.y));
      images.push(await readArea(source, { x, y }, { width: side, height: side }, accepted));
    }
    return images;
  } finally {
    await source.close();
  }
}

for (const encoder of [await randomTransformer(), await trainedBackbone()]) {
  const images: RgbImage[] = [];
  for (const path of slides) images.push(...(await readPatches(path, CELLS * encoder.stride)));
  await compare(encoder, images);
  await encoder.close();
}
