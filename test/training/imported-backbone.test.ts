import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { floatTensor } from "../../src/graph/index.js";
import { readRgbImage } from "../../src/imaging/index.js";
import { openSegmenter } from "../../src/inference/index.js";
import {
  backbone,
  backboneTensors,
  importBackbone,
  loadBackboneWeights,
  readSafetensors,
  writeSafetensors,
} from "../../src/models/index.js";
import type { RunContext } from "../../src/run/index.js";
import {
  errorOf,
  makeFolder,
  quickPyramid,
  removeFolders,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** A ResNet-18 of random weights under torchvision's names: blocks of layers 3 and 4 are numbered without dropout. */
async function writeResNet(path: string, seed: number): Promise<void> {
  const stream = new RandomStream(seed, "resnet");
  const valueFor = (name: string, fanIn: number): number => {
    if (/running_var$|(bn\d|downsample\.1)\.weight$/.test(name)) return 1;
    return /running_mean$|bias$/.test(name) ? 0 : stream.uniform(-1, 1) * Math.sqrt(3 / fanIn);
  };
  const tensors = backboneTensors(backbone("resnet-18")).map(({ name, shape }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length: count }, () => valueFor(name, count / (shape[0] ?? 1)));
    const plain = name.replace(
      /^(layer[34])\.(\d+)/,
      (_, layer: string, index: string) => `${layer}.${Number(index) === 0 ? 0 : Number(index) - 1}`,
    );
    return [plain, floatTensor(shape, data)] as const;
  });
  await writeSafetensors(path, new Map([...tensors, ["fc.bias", floatTensor([2], new Float32Array(2))]]));
}

let folder: string;
let file: string;
let context: RunContext;
const train = async (out: string, trains: { readonly dense?: object; readonly decoder?: object } = {}) => {
  const config = tinyConfig({
    classifier: {
      model: "dense",
      dense: { backbone: "resnet-18", ...trains.dense },
      inputSize: null,
      epochs: 1,
      batchSize: 4,
      learningRate: 1e-2,
    },
    decoder: { ...quickPyramid, trainBackbone: false, ...trains.decoder },
    rounds: 0,
    gate: 0,
    cache: { directory: join(folder, "features") },
  });
  return trainTiny({ data: join(folder, "data"), out: join(folder, out), config });
};

beforeAll(async () => {
  folder = await makeFolder();
  vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache"));
  file = join(folder, "resnet18.safetensors");
  await writeResNet(file, 1);
  await writeDataset(join(folder, "data"), { counts: { train: 4, val: 2, test: 1 } });
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await removeFolders([folder]);
});

it("is asked for where nobody has imported it", async () => {
  expect(await errorOf(train("never"))).toMatch(
    /resnet-18: .*come with the package.*`epsam models import FILE --as backbone`/,
  );
});

it("is kept under its name, and others are not put in its place unasked", async () => {
  const imported = await importBackbone(file, { overwrite: false });
  expect(imported).toMatchObject({ entry: { name: "resnet-18" }, leftOut: [{ names: ["fc.* (1 tensor)"] }] });
  expect(await errorOf(importBackbone(file, { overwrite: false }))).toContain(
    "holds weights of resnet-18 already",
  );
});

it("is the classifier's and the pyramid's eyes, and recorded with hash and licence", async () => {
  context = await train("run");
  const [recorded] = context.run.record.weights.filter(({ name }) => name === "resnet-18");
  expect(recorded).toMatchObject({
    sha256: expect.stringMatching(/^[\da-f]{64}$/),
    licence: expect.stringContaining("BSD"),
  });
  const segmenter = await openSegmenter(context.run.root, { gate: 0 });
  const image = await readRgbImage(join(folder, "data", "test", "image", "test-tumour-0_1.png"));
  const { tumour } = await segmenter.segmentPatch(image, "patch");
  await segmenter.close();
  expect(tumour?.data.every((value) => value > 0 && value < 1)).toBe(true);
});

it("is trained, by the classifier with attention dropout and by the pyramid without", async () => {
  const dense = { trainBackbone: 8, dropRate: 0.5 };
  const { run } = await train("trained", { dense, decoder: { trainBackbone: true } });
  const { weights } = await loadBackboneWeights(backbone("resnet-18"));
  const stored = async (name: string) => {
    const { tensors } = await readSafetensors(run.path(name));
    return (tensor: string) => tensors.get(`backbone.${tensor}`)?.data;
  };
  const [classifier, decoder] = [
    await stored("classifier.safetensors"),
    await stored("decoder-preliminary.safetensors"),
  ];
  for (const name of ["conv1.weight", "layer1.1.conv2.weight", "layer4.0.bn1.running_mean"]) {
    expect(classifier(name), name).toEqual(weights.get(name)?.data);
  }
  for (const name of ["layer2.0.conv1.weight", "layer4.0.conv1.weight"]) {
    expect(classifier(name), name).not.toEqual(weights.get(name)?.data);
    expect(decoder(name), name).not.toEqual(classifier(name));
  }
});

it("is refused by a run that was trained on another", async () => {
  await writeResNet(file, 2);
  await importBackbone(file, { overwrite: true });
  expect(await errorOf(openSegmenter(context.run.root, { gate: 0 }))).toContain(
    "the network resnet-18 is another than the run was trained with",
  );
});
