import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { isEpSamError, RandomStream, silentReporter } from "../../src/common/index.js";
import { device, floatsOf, floatTensor, GraphSession, input } from "../../src/graph/index.js";
import {
  loadClassifier,
  loadMaskDecoder,
  loadMinisamDecoder,
  resNetAdl,
  type StateDict,
} from "../../src/models/index.js";
import { ParameterSet } from "../../src/nn/index.js";
import { type ExportOptions, exportFromRun, openRun, readClassifier } from "../../src/run/index.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { describeWithTorch, runPython } from "../support/torch.js";

const side = 64;
let folder = "";
let context: Awaited<ReturnType<typeof openRun>>;
let classifier: StateDict = new Map();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "export-"));
  const root = join(folder, "run");
  await makeTinyRun(root);
  context = await openRun(root, { device: device(), reporter: silentReporter });
  classifier = await readClassifier(context);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

function exported(changes: Partial<ExportOptions> & Pick<ExportOptions, "part" | "format">) {
  const out = join(folder, `${changes.part}-${changes.stage ?? "last"}.${changes.format}`);
  return exportFromRun(context, { out, overwrite: false, ...changes });
}

const bytesOf = ({ data }: { readonly data: Float32Array }) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function expectSame(actual: StateDict, expected: StateDict): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    const read = actual.get(name);
    expect(read !== undefined && bytesOf(read).equals(bytesOf(tensor)), name).toBe(true);
  }
}

const images = (count: number) => {
  const stream = new RandomStream(0, "exported images");
  return Float32Array.from({ length: count * 3 * side * side }, () => stream.uniform());
};

/** Our own logits of some images. */
async function ownLogits(data: Float32Array, count: number): Promise<Float32Array> {
  const shape = [count, 3, side, side];
  const options = { depth: 18, dropThreshold: 0.8, highFrequency: true } as const;
  const graph = resNetAdl(new ParameterSet(), input("images", shape), options, "evaluation");
  const session = await GraphSession.create({ logits: graph.logits }, device(), { bind: classifier });
  const results = await session.run({ images: floatTensor(shape, data) });
  await session.close();
  return floatsOf(results, "logits");
}

function expectClose(actual: readonly number[], expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  actual.forEach((value, index) => {
    expect(Math.abs(value - (expected[index] ?? Number.NaN)) / scale).toBeLessThan(1e-4);
  });
}

async function refusal(action: Promise<unknown>): Promise<string> {
  const thrown: unknown = await action.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (isEpSamError(thrown)) return `[${thrown.tag}] ${thrown.message}`;
  throw new Error(`no complaint: ${String(thrown)}`);
}

describe("weights of a run for other programs", () => {
  it.each(["safetensors", "pth"] as const)("come back the same from %s", async (format) => {
    const { file, sha256 } = await exported({ part: "classifier", format });
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expectSame((await loadClassifier(file)).weights, classifier);
    const decoder = await exported({ part: "decoder", format });
    expect(decoder.stage).toBe("preliminary");
    const own = [...(await loadMinisamDecoder())].filter(([name]) => name.startsWith("mask_decoder."));
    expectSame((await loadMaskDecoder(decoder.file)).weights, new Map(own));
  });

  it("run in plain ONNX Runtime with our own results", async () => {
    const { file } = await exported({ part: "classifier", format: "onnx" });
    const session = await InferenceSession.create(file);
    const data = images(2);
    const results = await session.run({ images: new Tensor("float32", data, [2, 3, side, side]) });
    await session.release();
    const logits = results.logit?.data;
    if (!(logits instanceof Float32Array)) throw new Error("no logits");
    expectClose([...logits], await ownLogits(data, 2));
  });

  it("hold SAM as it is when that is asked for", async () => {
    const { file, stage } = await exported({ part: "decoder", format: "onnx", stage: "untrained" });
    expect(stage).toBe("untrained");
    const session = await InferenceSession.create(file);
    expect(session.outputNames).toEqual(["logits", "estimated_iou"]);
    await session.release();
  });

  it("are not written over, and only from stages and in formats that there are", async () => {
    const first = await exported({ part: "classifier", format: "pth", out: join(folder, "once.pth") });
    const again = { part: "classifier", format: "pth", out: first.file } as const;
    expect(await refusal(exported(again))).toContain(`[usage] ${first.file}: exists already`);
    await exported({ ...again, overwrite: true });
    expect(await refusal(exported({ part: "decoder", format: "pth", stage: "round-9" }))).toMatch(
      /\[usage\].*"round-9" is not a finished decoder.*untrained, preliminary/,
    );
    expect(await refusal(exported({ part: "encoder", format: "pth" }))).toMatch(
      /\[usage\].*comes as ONNX.*`format: onnx`/,
    );
  });
});

describeWithTorch("exported .pth files in PyTorch", () => {
  const script = ["scripts", "parity", "torch-checkpoint.py"];

  it("load with weights_only into the original layout and give our logits", async () => {
    const { file } = await exported({ part: "classifier", format: "pth", out: join(folder, "torch.pth") });
    const data = images(2);
    const path = join(folder, "images.f32");
    await writeFile(path, bytesOf({ data }));
    const { logits } = z
      .object({ logits: z.array(z.number()) })
      .parse(runPython(script, ["classifier", file, path, "2", String(side)]));
    expectClose(logits, await ownLogits(data, 2));
  }, 240_000);

  it("hold the decoder's tensors byte for byte", async () => {
    const { file } = await exported({
      part: "decoder",
      format: "pth",
      out: join(folder, "torch-decoder.pth"),
    });
    const schema = z.record(z.string(), z.object({ shape: z.array(z.number()), sha256: z.string() }));
    const inTorch = schema.parse(runPython(script, ["tensors", file]));
    const { weights } = await loadMaskDecoder(file);
    expect(Object.keys(inTorch).sort()).toEqual([...weights.keys()].sort());
    for (const [name, tensor] of weights) {
      const sha256 = createHash("sha256").update(bytesOf(tensor)).digest("hex");
      expect(inTorch[name], name).toEqual({ shape: [...tensor.shape], sha256 });
    }
  }, 240_000);
});
