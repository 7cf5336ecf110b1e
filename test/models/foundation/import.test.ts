import { writeFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, silentReporter } from "../../../src/common/index.js";
import {
  add,
  conv2d,
  decodeModel,
  device,
  encodeGraph,
  encodeModel,
  floats,
  input,
  mean,
  type OnnxModel,
  reshape,
  scale,
  transpose,
  type Value,
} from "../../../src/graph/index.js";
import {
  FoundationFeatures,
  foundationView,
  type ImportFoundationOptions,
  importFoundation,
  patchesAtOnce,
  readSafetensors,
  transformerTensors,
  writeSafetensors,
} from "../../../src/models/index.js";
import { errorOf } from "../../training/fixtures.js";
import { smallTransformer } from "./small-transformer.js";

const reference = fileURLToPath(new URL("reference/", import.meta.url));
const timm = join(reference, "timm-registers.safetensors");
const device1 = device("cpu", 1);
let folder: string;
let target: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epsam-foundation-"));
  target = join(folder, "kept");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function imported(path: string, options: Partial<ImportFoundationOptions> = {}) {
  return importFoundation(path, { directory: target, device: device1, reporter: silentReporter, ...options });
}

const colours = { mean: [0.5, 0.5, 0.5], deviation: [0.2, 0.2, 0.2] } as const;
const other = { model: "other", heads: 2, name: "mine", ...colours } as const;
const picture = (side: number) => ({
  width: side,
  height: side,
  data: Uint8Array.from({ length: side * side * 3 }, (_, index) => (index * 7) % 256),
});

describe("a transformer", () => {
  it("is kept with what was told, and gives the same features from any format", async () => {
    const { model, parameters } = await imported(timm, { ...other, micronsPerPixel: 0.5, blocks: [0, 1] });
    expect(model).toMatchObject({ name: "mine", stride: 4, channels: 24, size: 16, micronsPerPixel: 0.5 });
    expect(parameters).toBeGreaterThan(2000);
    // At 0.25 µm a patch of 64 pixels has 32 of the model's, in eight tokens a side.
    const view = foundationView(model, 64, 0.25);
    expect(view).toEqual({ cells: 8, own: 4 });
    const features = await FoundationFeatures.create(model, view, device1);
    const { data, ...shape } = await features.get(picture(64));
    await features.close();
    expect(shape).toEqual({ stride: 4, channels: 24, width: 8, height: 8 });
    expect(new Set(data).size).toBeGreaterThan(1000);
  });

  it("sees several patches at once as it sees each", async () => {
    const { model } = await imported(timm, { ...other, name: "batched", directory: join(folder, "batched") });
    const view = foundationView(model, 16, null);
    expect([patchesAtOnce(model, view), patchesAtOnce(model, { cells: 8, own: 4 })]).toEqual([4, 1]);
    const [alone, batched] = [
      await FoundationFeatures.create(model, view, device1),
      await FoundationFeatures.create(model, view, device1, 4),
    ];
    const pictures = [1, 2, 3, 4, 5].map((factor) => {
      const { data, ...size } = picture(16);
      return { ...size, data: data.map((value) => value * factor) };
    });
    const together = await batched.getAll(pictures);
    expect(together).toHaveLength(5);
    for (const [index, image] of pictures.entries()) {
      const { data } = await alone.get(image);
      const largest = Math.max(...data.map(Math.abs));
      const differences = data.map((value, at) => Math.abs(value - (together[index]?.data[at] ?? 0)));
      expect(Math.max(...differences) / largest).toBeLessThan(1e-5);
      expect([...((await batched.getAll([image]))[0]?.data.slice(0, 50) ?? [])]).toEqual([
        ...(together[index]?.data.slice(0, 50) ?? []),
      ]);
    }
    await Promise.all([alone.close(), batched.close()]);
  });

  it("asks for what its weights do not tell", async () => {
    expect(await errorOf(imported(timm))).toMatch(
      /needs the number of its attention heads.*no published model has tokens 12 wide/,
    );
    expect(await errorOf(imported(timm, { heads: 2 }))).toMatch(
      /needs `mean` and `deviation` of its colours/,
    );
    const eightBit = { ...other, mean: [127, 127, 127] };
    expect(await errorOf(imported(timm, eightBit))).toMatch(/cannot be 127, 127, 127.*Divide them by 255/);
    expect(await errorOf(imported(timm, { ...other, model: "uni" }))).toMatch(
      /does not hold the weights of uni/,
    );
    expect(await errorOf(imported(timm, { ...other, name: "again", blocks: [2] }))).toMatch(
      /there is no block 2/,
    );
    expect(await errorOf(imported(timm, { ...other, name: "resnet-18" }))).toMatch(
      /a backbone has that name/,
    );
    expect(await errorOf(imported(timm, { ...other, name: "minisam" }))).toMatch(
      /the stages of SAM's encoder have that name/,
    );
    expect(await errorOf(imported(timm, { ...other, size: 15, name: "odd" }))).toMatch(
      /15 is not a multiple/,
    );
  });

  it("replaces one of its name only when told, and leaves nothing of a failure", async () => {
    const before = (await readdir(target)).sort();
    expect(before).toHaveLength(2);
    expect(await errorOf(imported(timm, other))).toMatch(/is imported already/);
    const { tensors } = await readSafetensors(timm);
    const broken = new Map(tensors);
    const norm = broken.get("norm.bias");
    if (norm?.dataType === "float32")
      broken.set("norm.bias", { ...norm, data: norm.data.map(() => Number.NaN) });
    const file = join(folder, "broken.safetensors");
    await writeSafetensors(file, broken);
    expect(await errorOf(imported(file, { ...other, overwrite: true }))).toMatch(
      /weights that are not finite numbers.*value 0 of norm.bias is NaN/,
    );
    if (norm?.dataType === "float32") {
      // Large enough for the normalisation at the end to overflow, so that all that is left is its bias.
      const proj = [...broken.keys()].filter((name) => name.endsWith("mlp.fc2.weight"));
      broken.set("norm.bias", norm);
      for (const name of proj) {
        const tensor = broken.get(name);
        if (tensor?.dataType === "float32")
          broken.set(name, { ...tensor, data: tensor.data.map((value) => value * 1e30) });
      }
    }
    await writeSafetensors(file, broken);
    expect(await errorOf(imported(file, { ...other, overwrite: true }))).toMatch(/same features everywhere/);
    expect((await readdir(target)).sort()).toEqual(before);
    await imported(join(reference, "timm-placeless.safetensors"), { ...other, overwrite: true });
    expect(await readdir(target)).toHaveLength(2);
  });

  it("of a known shape has to be named, and its licence accepted", async () => {
    // A file without values: what it is is told by its head.
    const shapes = transformerTensors(smallTransformer);
    let offset = 0;
    const entries = shapes.map(({ name, shape }) => {
      const [begin, end] = [offset, offset + 4 * shape.reduce((product, size) => product * size, 1)];
      offset = end;
      return [name, { dtype: "F32", shape, data_offsets: [begin, end] }] as const;
    });
    const head = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true);
    const file = join(folder, "head.safetensors");
    await writeFile(file, Buffer.concat([length, head]));
    await truncate(file, 8 + head.length + offset);
    expect(await errorOf(imported(file))).toMatch(/weights of several models.*kaiko-vits16, and many others/);
    const named = await errorOf(imported(file, { model: "kaiko-vits16" }));
    expect(named).toMatch(/licence that has to be accepted.*non-commercial.*`acceptLicence`/);
  });

  it("is refused patches smaller than a token", async () => {
    const { model } = await imported(timm, { ...other, name: "coarse", micronsPerPixel: 8 });
    expect(() => foundationView(model, 64, 0.25)).toThrow(/a patch of 64 pixels is smaller than a token/);
  });

  it("names parts that are missing", async () => {
    const parts = join(folder, "parts");
    await mkdir(parts);
    for (const name of ["dinov2.safetensors.index.json", "dinov2-00001-of-00002.safetensors"]) {
      await copyFile(join(reference, name), join(parts, name));
    }
    const failure = await errorOf(imported(join(parts, "dinov2.safetensors.index.json"), other));
    expect(failure).toMatch(/lacks 1 of 2 parts.*dinov2-00002-of-00002.safetensors is not beside it/);
  });
});

it("is told from a pointer of Git LFS", async () => {
  const file = join(folder, "pointer.safetensors");
  await writeFile(file, `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 9\n`);
  expect(await errorOf(imported(file))).toMatch(/a pointer of Git LFS, not the weights.*`git lfs pull`/);
});

describe("an encoder as ONNX", () => {
  const images = input("images", [1, 3, 16, 16]);
  const weight = floats(
    Float32Array.from({ length: 5 * 48 }, (_, index) => Math.sin(index)),
    [5, 3, 4, 4],
  );
  const map = conv2d(images, weight, { stride: 4 });
  const yaml = "size: 16\nstride: 4\nmean: [0.5, 0.5, 0.5]\ndeviation: [0.5, 0.5, 0.5]\nlicence: mine\n";

  async function encoder(
    name: string,
    output: Value,
    facts = yaml,
    change: (model: OnnxModel) => OnnxModel = (model) => model,
  ): Promise<string> {
    const path = join(folder, `${name}.onnx`);
    const { bytes } = encodeGraph({ features: output }, { target: "gpu" });
    await writeFile(path, encodeModel(change(decodeModel(bytes, path))));
    await writeFile(join(folder, `${name}.yaml`), facts);
    return path;
  }

  it("gives the same features as a map and as tokens", async () => {
    const tokens = transpose(reshape(map, [1, 5, 16]), [0, 2, 1]);
    const found: Float32Array[] = [];
    for (const [name, output] of [
      ["as-map", map],
      ["as-tokens", tokens],
    ] as const) {
      const { model } = await imported(await encoder(name, output));
      expect(model).toMatchObject({ name, channels: 5, licence: "mine", micronsPerPixel: null });
      // Nine cells in overlapping crops of four.
      const features = await FoundationFeatures.create(model, foundationView(model, 36, null), device1);
      const { data, width } = await features.get(picture(36));
      await features.close();
      expect(width).toBe(9);
      found.push(data);
    }
    expect(found[0]).toEqual(found[1]);
    expect(new Set(found[0]).size).toBeGreaterThan(300);
  });

  it("is kept with weights beside it that are a link into a cache of downloads", async () => {
    const blobs = join(folder, "blobs");
    await mkdir(blobs);
    const linked = await encoder("linked", map, yaml, (model) => {
      const initializer = model.graph.initializer.map((whole) => {
        const { rawData, ...tensor } = whole;
        if (rawData === undefined || rawData.length < 900) return whole;
        writeFileSync(join(blobs, "a1b2"), rawData);
        const data = { location: "linked.data", offset: "0", length: `${rawData.length}` };
        const externalData = Object.entries(data).map(([key, value]) => ({ key, value }));
        return { ...tensor, dataLocation: 1, externalData };
      });
      return { ...model, graph: { ...model.graph, initializer } };
    });
    await symlink(join(blobs, "a1b2"), join(folder, "linked.data"));
    const { model } = await imported(linked);
    expect(model.onnx?.data).toHaveLength(1);
    await rm(blobs, { recursive: true });
    const features = await FoundationFeatures.create(model, foundationView(model, 16, null), device1);
    expect(new Set((await features.get(picture(16))).data).size).toBeGreaterThan(50);
    await features.close();
  });

  it("says what is wrong with it, and keeps nothing", async () => {
    const before = (await readdir(target)).sort();
    const failure = async (...encoded: Parameters<typeof encoder>) =>
      errorOf(imported(await encoder(...encoded)));
    expect(await failure("head", mean(map, [2, 3]))).toMatch(
      /gives one vector for an image.*\[1, 5\].*a head/,
    );
    expect(await failure("stride", map, yaml.replace("stride: 4", "stride: 8"))).toMatch(
      /another layout.*\[1, 5, 4, 4\]/,
    );
    expect(await failure("size", map, yaml.replace("size: 16", "size: 32"))).toMatch(
      /takes images of 16×16.*says 32/,
    );
    expect(await failure("keys", map, "size: 16\n")).toMatch(/stride/);
    const custom = (model: OnnxModel): OnnxModel => {
      for (const node of model.graph.node) if (node.opType === "Conv") node.domain = "my.company";
      return model;
    };
    expect(await failure("custom", map, yaml, custom)).toMatch(/has custom operators.*my\.company\.Conv/);
    const outside = (model: OnnxModel): OnnxModel => {
      for (const tensor of model.graph.initializer)
        tensor.externalData = [{ key: "location", value: "../secret" }];
      return model;
    };
    expect(await failure("outside", map, yaml, outside)).toMatch(/weights outside its folder.*\.\.\/secret/);
    const absent = (model: OnnxModel): OnnxModel => {
      for (const tensor of model.graph.initializer)
        tensor.externalData = [{ key: "location", value: "weights.bin" }];
      return model;
    };
    expect(await failure("absent", map, yaml, absent)).toMatch(/lacks files of its weights.*weights\.bin/);
    const inner = (model: OnnxModel): OnnxModel => {
      const node = must(model.graph.node, 0);
      const body = {
        name: "b",
        node: [{ ...node, domain: "my.branch" }],
        initializer: [],
        input: [],
        output: [],
      };
      node.attribute = [{ name: "else_branch", type: 5, g: body }];
      return model;
    };
    expect(await failure("inner", map, yaml, inner)).toMatch(/custom operators.*my\.branch\./);
    const constant = (model: OnnxModel): OnnxModel => {
      const data = [{ key: "location", value: "..\\secret" }];
      const value = { name: "value", dataType: 1, dims: [1], externalData: data, dataLocation: 1 };
      must(model.graph.node, 0).attribute = [{ name: "value", type: 4, t: value }];
      return model;
    };
    expect(await failure("constant", map, yaml, constant)).toMatch(/outside its folder.*those of value/);
    const unknown = (model: OnnxModel): OnnxModel => {
      for (const node of model.graph.node) if (node.opType === "Conv") node.opType = "Convolute";
      return model;
    };
    expect(await failure("unknown", map, yaml, unknown)).toMatch(/cannot be run by ONNX Runtime.*Convolute/);
    const grey = floats(new Float32Array(80).fill(0.5), [1, 5, 4, 4]);
    expect(await failure("grey", add(scale(map, 0), grey))).toMatch(/same features everywhere/);
    expect(await failure("hole", scale(map, Number.POSITIVE_INFINITY))).toMatch(
      /features that are not finite/,
    );
    await rm(join(folder, "absent.yaml"));
    expect(await errorOf(imported(join(folder, "absent.onnx")))).toMatch(/needs a YAML file beside it/);
    expect((await readdir(target)).sort()).toEqual(before);
  });
});
