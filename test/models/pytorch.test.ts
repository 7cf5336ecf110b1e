import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { isEpSamError, RandomStream } from "../../src/common/index.js";
import { floatTensor } from "../../src/graph/index.js";
import {
  encodePytorch,
  encodeSafetensors,
  openWeights,
  type StoredTensor,
} from "../../src/models/weights/index.js";
import { PickleDict, TensorReference } from "../../src/models/weights/pytorch/pickle-values.js";
import { findStateDict } from "../../src/models/weights/pytorch/state-dict-search.js";

const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pytorch-"));
});
afterAll(() => rm(directory, { recursive: true }));

/** What PyTorch says is in the fixtures, see scripts/fixtures/make-torch-fixtures.py. */
const described = z
  .record(
    z.string(),
    z.object({
      elementType: z.string(),
      shape: z.array(z.number()),
      values: z.array(z.union([z.number(), z.string(), z.boolean()])),
    }),
  )
  .parse(JSON.parse(readFileSync(fixture("tensors.json"), "utf8")));

async function readAll(path: string, key?: string) {
  const file = await openWeights(path, { key });
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
    return { tensors, infos: file.tensors, others: file.others, format: file.format };
  } finally {
    await file.close();
  }
}

async function messageOfReading(path: string, key?: string): Promise<string> {
  try {
    await readAll(path, key);
  } catch (thrown) {
    if (!isEpSamError(thrown, "weights")) throw thrown;
    expect(thrown.message).toContain(path);
    return thrown.message;
  }
  throw new Error(`${path} was read without complaint`);
}

describe.each(["zip.pth", "zip-protocol-4.pth", "legacy.pth"])("reading %s, written by PyTorch", (name) => {
  it("gives every element type and every view as PyTorch does", async () => {
    const { tensors, infos, others } = await readAll(fixture(name));
    expect([...tensors.keys()]).toEqual(Object.keys(described));
    expect(others).toEqual([]);
    for (const [tensor, { elementType, shape, values }] of Object.entries(described)) {
      expect(infos.get(tensor), tensor).toEqual({ elementType, shape });
      const read = tensors.get(tensor);
      expect(read?.shape, tensor).toEqual(shape);
      expect([...(read?.data ?? [])].map(String), tensor).toEqual(
        values.map((value) => (typeof value === "boolean" ? String(Number(value)) : String(value))),
      );
    }
  });
});

describe("finding the state dict", () => {
  it.each(["training.pth", "training-legacy.pth"])(
    "looks inside what training scripts save (%s)",
    async (name) => {
      const { tensors, others } = await readAll(fixture(name));
      expect([...tensors.keys()].slice(0, 3)).toEqual([
        "module.conv1.weight",
        "module.conv1.bias",
        "module.bn1.weight",
      ]);
      expect(others).toEqual(["epoch", "loss", "history", "optimizer"]);
    },
  );

  it("takes the entry that is asked for", async () => {
    const { tensors } = await readAll(fixture("training.pth"), "optimizer.state");
    expect([...tensors.keys()]).toContain("0.exp_avg");
    expect(await messageOfReading(fixture("training.pth"), "ema")).toMatch(/no state dict under "ema"/);
    expect(await messageOfReading(fixture("training.pth"), "epoch")).toMatch(/no state dict/);
  });
});

describe("tensors beside the entry that holds the weights", () => {
  type Tree = { readonly [name: string]: Tree | "tensor" | number };
  const dictOf = (tree: Tree): PickleDict => {
    const dict = new PickleDict();
    const storage = { key: "0", elementType: "float32", elementSize: 4, count: 1, start: 0 } as const;
    for (const [name, value] of Object.entries(tree)) {
      const tensor = new TensorReference(storage, "float32", 0, [1], [1]);
      dict.entries.set(name, value === "tensor" ? tensor : typeof value === "number" ? value : dictOf(value));
    }
    return dict;
  };
  const model: Tree = { "conv1.weight": "tensor", "fc.bias": "tensor" };

  it.each<[string, Tree, readonly string[]]>([
    ["a best accuracy", { epoch: 3, state_dict: model, best_acc1: "tensor" }, ["epoch", "best_acc1"]],
    [
      "a loss, one level further",
      { model: { state_dict: model, loss: "tensor" }, seed: 1 },
      ["seed", "loss"],
    ],
    ["settings of the same name", { params: { lr: 1 }, weights: model, loss: "tensor" }, ["params", "loss"]],
  ])("%s does not hide it", (_, tree, others) => {
    const found = findStateDict(dictOf(tree));
    expect([...(found?.tensors.keys() ?? [])]).toEqual(["conv1.weight", "fc.bias"]);
    expect(found?.others).toEqual(others);
  });

  it("a state dict with one more dict in it is still one", () => {
    const found = findStateDict(dictOf({ ...model, weights: { ema: "tensor" } }));
    expect([...(found?.tensors.keys() ?? [])]).toEqual(["conv1.weight", "fc.bias", "weights.ema"]);
    const flat = findStateDict(dictOf({ weight: "tensor", bias: "tensor", params: { lr: 1 } }));
    expect([...(flat?.tensors.keys() ?? [])]).toEqual(["weight", "bias"]);
  });
});

describe("what is not a file of weights", () => {
  it("refuses Python objects by name", async () => {
    const message = await messageOfReading(fixture("namespace.pth"));
    expect(message).toContain('"argparse.Namespace"');
    expect(message).toContain("torch.save(model.state_dict(), PATH)");
    expect(await messageOfReading(fixture("module.pth"))).toContain('"torch.nn.modules.linear.Linear"');
  });

  it("refuses a TorchScript program", async () => {
    expect(await messageOfReading(fixture("script.pt"))).toMatch(/TorchScript program/);
  });

  it("says what a file of another kind could be", async () => {
    const page = join(directory, "page.pth");
    await writeFile(page, "<!DOCTYPE html><html></html>");
    expect(await messageOfReading(page)).toMatch(/not a file of weights of a known format.*HTML/);
    expect(await messageOfReading(join(directory, "absent.pth"))).toMatch(/cannot be opened/);
    expect(await messageOfReading(directory)).toMatch(/cannot be opened|not a regular file/);
  });
});

describe("telling the formats apart", () => {
  it("takes the content's word, whatever a file is called and its first byte is", async () => {
    for (const name of ["misnamed.pth", "misnamed.onnx"]) {
      // Headers of 128 and 264 bytes begin with the bytes that a pickle and an ONNX model begin with.
      for (const [length, first] of [
        [70, 0x80],
        [206, 0x08],
      ] as const) {
        const path = join(directory, name);
        const bytes = encodeSafetensors(
          new Map([["w".repeat(length), floatTensor([1], Float32Array.of(2))]]),
        );
        expect(bytes[0]).toBe(first);
        await writeFile(path, bytes);
        expect((await readAll(path)).format).toBe("safetensors");
      }
    }
    const path = join(directory, "misnamed.safetensors");
    await copyFile(fixture("legacy.pth"), path);
    expect((await readAll(path)).format).toBe("pytorch");
  });
});

describe("damaged checkpoints", () => {
  it.each(["zip.pth", "legacy.pth"])("refuses %s cut anywhere", async (name) => {
    const whole = await readFile(fixture(name));
    for (let length = 0; length < whole.length; length += 101) {
      const path = join(directory, `cut-${length}-${name}`);
      await writeFile(path, whole.subarray(0, length));
      await messageOfReading(path);
    }
  });

  it.each(["zip.pth", "legacy.pth", "training.pth"])("survives any flipped byte in %s", async (name) => {
    const whole = await readFile(fixture(name));
    const stream = new RandomStream(0, "flipped bytes", name);
    const path = join(directory, `flipped-${name}`);
    let refused = 0;
    for (let trial = 0; trial < 80; trial++) {
      const damaged = Uint8Array.from(whole);
      damaged[stream.integer(whole.length)] = stream.integer(256);
      await writeFile(path, damaged);
      try {
        await readAll(path);
      } catch (thrown) {
        expect(isEpSamError(thrown, "weights"), String(thrown)).toBe(true);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(12);
  });

  it("keeps the file open for reading and closes it", async () => {
    const path = join(directory, "closed.pth");
    await copyFile(fixture("zip.pth"), path);
    const file = await openWeights(path);
    await expect(file.read("no such tensor")).rejects.toThrow(/"no such tensor" is not in the file/);
    await file.close();
    await expect(file.read("float32")).rejects.toThrow();
  });
});

describe("writing .pth files", () => {
  const tensors = new Map([
    ["layer.weight", floatTensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, -6))],
    ["scalar", floatTensor([], Float32Array.of(7))],
    ["empty", floatTensor([0, 70_000])],
    [
      "wide",
      floatTensor(
        [300],
        Float32Array.from({ length: 300 }, (_, index) => index / 7),
      ),
    ],
  ]);

  it("gives back what was written", async () => {
    const path = join(directory, "written.pth");
    await writeFile(path, encodePytorch(tensors));
    const read = await readAll(path);
    expect(read.tensors).toEqual(tensors);
    expect(read.format).toBe("pytorch");
  });

  it("writes the same bytes for the same tensors, aligned to 64", () => {
    const bytes = Buffer.from(encodePytorch(tensors));
    expect(bytes.equals(encodePytorch(tensors))).toBe(true);
    const values = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, -6).buffer);
    expect(bytes.indexOf(values) % 64).toBe(0);
  });

  it("refuses data that do not fill their shape", () => {
    expect(() => encodePytorch(new Map([["w", floatTensor([3], new Float32Array(2))]]))).toThrow(
      /"w" cannot be written/,
    );
  });
});
