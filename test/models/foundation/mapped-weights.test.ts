import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { closing } from "../../../src/common/index.js";
import { device, elementCount, floatTensor } from "../../../src/graph/index.js";
import {
  detectTransformer,
  openModelWeights,
  readSafetensors,
  streamSafetensors,
  TransformerModel,
  type TransformerOptions,
  transformerTensors,
  transformerWeights,
} from "../../../src/models/index.js";
import { errorOf } from "../../training/fixtures.js";
import { smallTransformer } from "./small-transformer.js";

const reference = fileURLToPath(new URL("reference/timm-registers.safetensors", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epsam-mapped-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const images = (count: number, side: number) =>
  floatTensor(
    [count, 3, side, side],
    Float32Array.from({ length: count * 3 * side * side }, (_, index) => (index * 37) % 256),
  );

async function mapsOf(
  path: string,
  options: Partial<TransformerOptions>,
  heads?: number,
  shown?: readonly Float32Array[],
) {
  const batchSize = options.batchSize ?? 1;
  // What is read from the file is there when the model is open.
  const { model, side } = await closing(openModelWeights(path), async (file) => {
    const weights = transformerWeights(file);
    const transformer = options.transformer ?? detectTransformer(weights, heads);
    const model = await TransformerModel.create({
      weights,
      grid: { rows: transformer.grid, columns: transformer.grid },
      batchSize,
      normalisation: { mean: [127, 127, 127], deviation: [60, 60, 60] },
      device: device("cpu", 1),
      ...options,
      transformer,
    });
    return { model, side: (options.grid?.rows ?? transformer.grid) * transformer.patch };
  });
  const batch = images(batchSize, side);
  shown?.forEach((image, index) => {
    batch.data.set(image, index * image.length);
  });
  const maps = await model.run(batch);
  await model.close();
  return maps;
}

it("gives the same from a file that is mapped, one that is copied, and weights in memory", async () => {
  const [mapped, copied] = [true, false].map((own) => mapsOf(reference, { mapped: own, blocks: [0, 1] }, 2));
  const { tensors } = await readSafetensors(reference);
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const inMemory = mapsOf(
    reference,
    {
      blocks: [0, 1],
      weights: {
        path: "memory",
        style: "timm",
        shapes,
        beside: [],
        read: async (name) => {
          const tensor = tensors.get(name);
          if (tensor?.dataType !== "float32") throw new Error(name);
          return tensor;
        },
      },
    },
    2,
  );
  const [first, second, third] = await Promise.all([mapped, copied, inMemory]);
  expect(second?.map((map, block) => map.every((value, at) => value === third?.[block]?.[at]))).toEqual([
    true,
    true,
  ]);
  first?.forEach((map, block) => {
    const largest = Math.max(...map.map(Math.abs));
    const difference = Math.max(...map.map((value, at) => Math.abs(value - (second?.[block]?.[at] ?? 0))));
    expect(difference / largest).toBeLessThan(1e-5);
  });
});

it.each([true, false])("gives an image the same at any place of a batch, mapped: %s", async (mapped) => {
  const transformer = { ...smallTransformer, depth: 1 };
  const path = join(folder, `small-${mapped}.safetensors`);
  const values = (name: string, shape: readonly number[]) =>
    floatTensor(
      shape,
      Float32Array.from({ length: elementCount(shape) }, (_, at) => Math.sin(at * 7.1 + name.length) * 0.05),
    );
  await streamSafetensors(
    path,
    transformerTensors(transformer).map(({ name, shape }) => ({
      name,
      shape,
      read: async () => values(name, shape),
    })),
  );
  // Alone it is rounded otherwise; in batches of one size neither its place nor what is beside it matters.
  const [alone = new Float32Array()] = await mapsOf(path, { transformer, mapped });
  const one = images(1, transformer.grid * transformer.patch).data;
  const orders = [
    [one, one.map((value) => 255 - value), one.map((value) => value / 2)],
    [one.map((value) => value / 3), one.map((value) => value / 5), one],
  ];
  const runs: Float32Array[] = [];
  for (const order of orders) {
    const [maps = new Float32Array()] = await mapsOf(
      path,
      { transformer, mapped, batchSize: 3 },
      undefined,
      order,
    );
    const place = order.indexOf(one) * alone.length;
    runs.push(maps.slice(place, place + alone.length));
  }
  const [first, last] = runs;
  expect(first?.length).toBe(alone.length);
  expect(first?.findIndex((value, at) => value !== last?.[at])).toBe(-1);
  const largest = Math.max(...alone.map(Math.abs));
  const difference = Math.max(...alone.map((value, at) => Math.abs(value - (first?.[at] ?? 0))));
  expect(difference / largest).toBeLessThan(1e-5);
});

it("says that a file of weights is too short for what its graph asks", async () => {
  const path = join(folder, "short.safetensors");
  const file = await openModelWeights(reference);
  const weights = transformerWeights(file);
  await writeFile(path, randomBytes(64));
  const short = { ...weights, place: () => ({ file: path, offset: 1024 }) };
  const failure = await errorOf(mapsOf(reference, { weights: short }, 2));
  await file.close();
  expect(failure).toMatch(/\[device\].*cannot run this graph/);
});
