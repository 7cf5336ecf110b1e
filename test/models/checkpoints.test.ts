import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import { type FloatTensor, floatTensor } from "../../src/graph/index.js";
import {
  classifierTensors,
  encodePytorch,
  loadClassifier,
  loadInitialClassifier,
  loadMaskDecoder,
  loadMinisamDecoder,
  minisamPath,
  type StateDict,
  writeSafetensors,
} from "../../src/models/index.js";

const options = { depth: 18, dropThreshold: 0.8, highFrequency: true } as const;
/** Weights that differ from tensor to tensor and value to value; random ones would take seconds. */
function weightsFrom(seed: number, changes: { readonly highFrequency?: boolean } = {}) {
  return new Map(
    classifierTensors({ ...options, ...changes }).map(({ name, shape }, index): [string, FloatTensor] => {
      const tensor = floatTensor(shape);
      for (let at = 0; at < tensor.data.length; at++) tensor.data[at] = seed + index / 100 + (at % 977);
      return [name, tensor];
    }),
  );
}

let directory = "";
let classifier: StateDict = new Map();
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "checkpoints-"));
  classifier = weightsFrom(0);
});
afterAll(() => rm(directory, { recursive: true }));

async function written(name: string, tensors: ReadonlyMap<string, FloatTensor>): Promise<string> {
  const path = join(directory, name);
  if (name.endsWith(".pth")) await writeFile(path, encodePytorch(tensors));
  else await writeSafetensors(path, tensors);
  return path;
}

/** Compares bytes: element by element, millions of weights take minutes. */
function expectSame(actual: StateDict | undefined, expected: StateDict): void {
  expect([...(actual?.keys() ?? [])]).toEqual([...expected.keys()]);
  for (const [name, tensor] of expected) expect(isSame(actual?.get(name), tensor), name).toBe(true);
}

function isSame(a: FloatTensor | undefined, b: FloatTensor | undefined): boolean {
  if (a === undefined || b === undefined || a.shape.join() !== b.shape.join()) return false;
  const bytes = ({ data }: FloatTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes(a).equals(bytes(b));
}

const renamed = (tensors: StateDict, rename: (name: string) => string): Map<string, FloatTensor> =>
  new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));

/** The numbering of torchvision, where nothing stands between the blocks. */
const plainNumber = (name: string) =>
  name.replace(
    /^(layer[34])\.(\d+)/,
    (_all, layer: string, index: string) => `${layer}.${index === "0" ? 0 : Number(index) - 1}`,
  );

async function refusal(action: Promise<unknown>): Promise<string> {
  const thrown: unknown = await action.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (isEpSamError(thrown, "weights")) return thrown.message;
  throw new Error(`no complaint about the weights: ${String(thrown)}`);
}

describe("a trained classifier", () => {
  it("loads from the authors' layout, and tells depth and stem by its tensors", async () => {
    const counters = [["bn1.num_batches_tracked", floatTensor([], Float32Array.of(9))]] as const;
    const path = await written("camelyon17_resnet_adl.pth", new Map([...classifier, ...counters]));
    const loaded = await loadClassifier(path);
    expect(loaded.variant).toEqual({ depth: 18, highFrequency: true });
    expectSame(loaded.weights, classifier);
    expect(loaded.leftOut).toEqual([
      { names: ["bn1.num_batches_tracked"], why: expect.stringContaining("counters of batches") },
    ]);
  });

  it.each(["module.", "module.model.", "_orig_mod.", "backbone."])(
    "loads without the prefix %s",
    async (prefix) => {
      const path = await written(
        "prefixed.safetensors",
        renamed(classifier, (name) => prefix + name),
      );
      expectSame((await loadClassifier(path)).weights, classifier);
    },
  );

  it("loads with blocks numbered as in torchvision", async () => {
    const path = await written("plain.pth", renamed(classifier, plainNumber));
    const { weights } = await loadClassifier(path);
    expectSame(weights, classifier);
    expect([...weights.keys()]).toContain("layer4.2.conv1.weight");
  });

  it("lists what is missing, surplus and of another shape", async () => {
    const tensors = new Map(classifier);
    tensors.delete("bn1.bias");
    tensors.set("fc.weight", floatTensor([2, 512]));
    tensors.set("extra.weight", floatTensor([1]));
    const message = await refusal(loadClassifier(await written("wrong.safetensors", tensors)));
    expect(message).toContain("1 missing: bn1.bias");
    expect(message).toContain("1 surplus: extra.weight");
    expect(message).toContain("fc.weight is [2, 512] but should be [1, 512]");
  });

  it("is refused when it is no classifier, or another than the configured one", async () => {
    expect(await refusal(loadClassifier(minisamPath("sam.onnx")))).toMatch(
      /does not hold a patch classifier/,
    );
    const path = await written("configured.safetensors", classifier);
    expect(await refusal(loadClassifier(path, { ...options, highFrequency: false }))).toMatch(
      /conv1\.weight is \[64, 4, 7, 7\] but should be \[64, 3, 7, 7\]/,
    );
    expect(await refusal(loadClassifier(path, { ...options, depth: 50 }))).toMatch(/missing: .*conv3/);
  });
});

/** The tensors of a state dict as fresh ones. */
function freshFrom(tensors: StateDict): (name: string) => FloatTensor {
  return (name) => tensors.get(name) ?? floatTensor([]);
}

describe("starting weights of a classifier", () => {
  const imageNet = () =>
    renamed(
      new Map([
        ...weightsFrom(7, { highFrequency: false }),
        ["fc.weight", floatTensor([1000, 512])],
        ["fc.bias", floatTensor([1000])],
        ["layer1.0.bn1.num_batches_tracked", floatTensor([])],
      ]),
      plainNumber,
    );

  it("take a ResNet of ImageNet, the fourth stem channel zero and the head fresh", async () => {
    const source = imageNet();
    const path = await written("resnet18-f37072fd.pth", source);
    const { weights, leftOut } = await loadInitialClassifier(path, options, freshFrom(classifier));
    expect([...weights.keys()]).toEqual([...classifier.keys()]);
    expect(isSame(weights.get("layer3.2.conv2.weight"), source.get("layer3.1.conv2.weight"))).toBe(true);
    expect(isSame(weights.get("fc.weight"), classifier.get("fc.weight"))).toBe(true);
    expect(leftOut.flatMap(({ names }) => names)).toEqual([
      "layer1.0.bn1.num_batches_tracked",
      "fc.weight",
      "fc.bias",
    ]);
    const stem = weights.get("conv1.weight");
    const original = source.get("conv1.weight");
    expect(stem?.shape).toEqual([64, 4, 7, 7]);
    for (const filter of [0, 1, 63]) {
      const values = stem?.data.subarray(filter * 196, (filter + 1) * 196);
      expect(values?.subarray(0, 147)).toEqual(original?.data.subarray(filter * 147, (filter + 1) * 147));
      expect(values?.subarray(147).every((value) => value === 0)).toBe(true);
    }
  });

  it("keep a stem of three channels when the model has no fourth", async () => {
    const path = await written("plain-stem.safetensors", imageNet());
    const three = { ...options, highFrequency: false };
    const { weights } = await loadInitialClassifier(path, three, freshFrom(weightsFrom(1, three)));
    expect(weights.get("conv1.weight")?.shape).toEqual([64, 3, 7, 7]);
  });

  it("keep a head that fits, so that a trained classifier goes on", async () => {
    const path = await written("ours.safetensors", weightsFrom(3));
    const { weights, leftOut } = await loadInitialClassifier(path, options, freshFrom(classifier));
    expectSame(weights, weightsFrom(3));
    expect(leftOut).toEqual([]);
  });

  it("are refused when a block is missing or surplus", async () => {
    const tensors = imageNet();
    tensors.delete("layer2.0.conv1.weight");
    tensors.set("layer5.0.conv1.weight", floatTensor([1]));
    const path = await written("blocks.pth", tensors);
    const message = await refusal(loadInitialClassifier(path, options, freshFrom(classifier)));
    expect(message).toContain("1 missing: layer2.0.conv1.weight");
    expect(message).toContain("1 surplus: layer5.0.conv1.weight");
  });
});

describe("a mask decoder", () => {
  const decoderPart = async () =>
    new Map([...(await loadMinisamDecoder())].filter(([name]) => name.startsWith("mask_decoder.")));

  it.each([
    ["the authors' file", "camelyon17_decoder_iter3.pth", (name: string) => name],
    ["one of a module alone", "decoder.safetensors", (name: string) => name.replace("mask_decoder.", "")],
    ["one of DataParallel", "parallel.pth", (name: string) => `module.${name}`],
  ])("loads from %s", async (_what, file, rename) => {
    const decoder = await decoderPart();
    const loaded = await loadMaskDecoder(await written(file, renamed(decoder, rename)));
    expectSame(loaded.weights, decoder);
    expect(loaded.promptEncoder).toBeUndefined();
    expect(loaded.leftOut).toEqual([]);
  });

  it("loads from a whole SAM and says what else is in it", async () => {
    const encoder = [["image_encoder.pos_embed", floatTensor([1, 2, 2, 1])]] as const;
    const path = await written("medsam.pth", new Map([...encoder, ...(await loadMinisamDecoder())]));
    const loaded = await loadMaskDecoder(path);
    expectSame(loaded.weights, await decoderPart());
    expect(loaded.promptEncoder?.size).toBe(17);
    expect(loaded.leftOut[0]?.names).toEqual(["image_encoder.* (1 tensor)", "prompt_encoder.* (17 tensors)"]);
  });

  it("loads from SAM's decoder in ONNX", async () => {
    const loaded = await loadMaskDecoder(minisamPath("sam.onnx"));
    expectSame(loaded.weights, await decoderPart());
  });

  it("is refused with a list when tensors are missing, and by name when there is none", async () => {
    const decoder = await decoderPart();
    decoder.delete("mask_decoder.iou_token.weight");
    expect(await refusal(loadMaskDecoder(await written("part.safetensors", decoder)))).toMatch(
      /1 missing: mask_decoder\.iou_token\.weight/,
    );
    const path = await written("none.safetensors", classifier);
    expect(await refusal(loadMaskDecoder(path))).toMatch(/does not hold SAM's mask decoder/);
  });
});
