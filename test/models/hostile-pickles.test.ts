import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import { openWeights } from "../../src/models/weights/index.js";
import { encodeZip, type ZipContent } from "../../src/models/weights/pytorch/zip-writer.js";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "hostile-"));
});
afterAll(() => rm(directory, { recursive: true }));

type Part = number | string | Uint8Array | readonly Part[];

/** Bytes of numbers, texts and other parts. */
function bytesOf(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "number") return Buffer.of(part);
      if (typeof part === "string") return Buffer.from(part, "latin1");
      return part instanceof Uint8Array ? Buffer.from(part) : bytesOf(...part);
    }),
  );
}

const text = (value: string) => bytesOf("X", uint32(value.length), value);
const integer = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytesOf(0x8a, 8, bytes);
};
function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
const START = bytesOf(0x80, 2);

/** A tensor in a storage "0" of FloatStorage with the given count. */
function tensor({ count = 4n, offset = 0n, size = [4n], stride = [1n], key = "0" }): Buffer {
  const id = bytesOf(
    "(",
    text("storage"),
    "ctorch\nFloatStorage\n",
    text(key),
    text("cpu"),
    integer(count),
    "tQ",
  );
  const tuple = (values: readonly bigint[]) => bytesOf("(", ...values.map(integer), "t");
  const argument = bytesOf("(", id, integer(offset), tuple(size), tuple(stride), 0x89, "N", "t");
  return bytesOf("ctorch._utils\n_rebuild_tensor_v2\n", argument, "R");
}

const inDict = (value: Part) => bytesOf(START, "}", "(", text("w"), value, "u.");

let files = 0;
async function archive(pickle: Uint8Array, extra: readonly ZipContent[] = []): Promise<string> {
  const path = join(directory, `${files++}.pth`);
  const storage = { name: "a/data/0", bytes: new Uint8Array(16) };
  await writeFile(path, encodeZip([{ name: "a/data.pkl", bytes: pickle }, storage, ...extra]));
  return path;
}

async function refusal(path: string): Promise<string> {
  try {
    const file = await openWeights(path);
    try {
      for (const name of file.tensors.keys()) await file.read(name);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (isEpSamError(thrown, "weights")) return thrown.message;
    throw thrown;
  }
  throw new Error("read without complaint");
}

describe("pickles that want more than tensors", () => {
  it("reads the tensor that the others are made from", async () => {
    const file = await openWeights(await archive(inDict(tensor({}))));
    expect(await file.read("w")).toEqual({ dataType: "float32", shape: [4], data: new Float32Array(4) });
    await file.close();
  });

  it.each([
    ["os", "system"],
    ["builtins", "eval"],
    ["posix", "system"],
    ["torch", "load"],
    ["torch.hub", "load"],
    ["collections", "defaultdict"],
    ["__main__", "Model"],
    ["torch._utils", "__dict__"],
    ["constructor", "prototype"],
    ["__proto__", "toString"],
  ])("names %s.%s and runs nothing", async (module, name) => {
    const global = bytesOf(`c${module}\n${name}\n`, "(", text("echo hacked"), "tR");
    expect(await refusal(await archive(inDict(global)))).toContain(`the Python object "${module}.${name}"`);
    const stacked = bytesOf(text(module), text(name), 0x93, "(", text("echo hacked"), "tR");
    expect(await refusal(await archive(inDict(stacked)))).toContain(`the Python object "${module}.${name}"`);
  });

  it.each([
    ["INST", bytesOf("(", "ios\nsystem\n"), "0x69"],
    ["OBJ", bytesOf("(", "o"), "0x6f"],
    ["EXT1", bytesOf(0x82, 1), "0x82"],
    ["PERSID", bytesOf("Pstorage\n"), "0x50"],
    ["NEWOBJ_EX", bytesOf(0x92), "0x92"],
  ])("refuses the operation %s", async (_name, operation, code) => {
    expect(await refusal(await archive(inDict(operation)))).toContain(`the operation ${code}`);
  });

  it.each([
    ["calls a storage class", bytesOf("ctorch\nFloatStorage\n", ")R"), /calls torch\.FloatStorage/],
    ["calls a number", bytesOf("K\u0001", ")R"), /calls a value/],
    ["sets the state of a tensor", bytesOf(tensor({}), "}b"), /sets the state of an object/],
    ["names no storage", bytesOf("(", text("module"), "tQ"), /not a storage/],
    ["sets items of a number", bytesOf("K\u0001", "(", text("a"), "Nu"), /in what is no dict/],
    ["appends to a dict", bytesOf("}", "K\u0001a"), /no list/],
    ["recalls what was not remembered", bytesOf("h\u0007"), /the value 7, which is not there/],
    ["pops without a mark", bytesOf("tt"), /mark is missing/],
    ["asks for a huge text", bytesOf("X", uint32(0xffffffff)), /more bytes should follow/],
    ["asks for a text beyond any file", bytesOf(0x8d, Buffer.alloc(8, 0xff)), /more bytes should follow/],
    ["holds a huge integer", bytesOf(0x8b, uint32(100), Buffer.alloc(100)), /an integer takes 100 bytes/],
  ])("refuses one that %s", async (_what, value, message) => {
    expect(await refusal(await archive(inDict(value)))).toMatch(message);
  });

  it("refuses protocol 0, 1 and those to come", async () => {
    for (const protocol of [0, 1, 6]) {
      expect(await refusal(await archive(bytesOf(0x80, protocol, "}.")))).toContain(`protocol ${protocol}`);
    }
  });
});

describe("tensors that do not fit", () => {
  it.each([
    ["an offset beyond the storage", { offset: 1n }, /outside its storage/],
    ["strides beyond the storage", { stride: [2n] }, /outside its storage/],
    ["a storage larger than its bytes", { count: 1000n, size: [1000n] }, /outside its storage/],
    ["a negative offset", { offset: -1n }, /offset is -1/],
    ["a negative size", { size: [-4n] }, /size is -4/],
    ["a negative stride", { stride: [-1n] }, /stride is -1/],
    ["an offset beyond 2^53", { offset: 2n ** 60n }, /offset is/],
    ["more sizes than strides", { size: [2n, 2n] }, /2 sizes and 1 strides/],
    ["more elements than numbers", { size: [2n ** 40n, 2n ** 40n], stride: [0n, 0n] }, /far more memory/],
    ["a repeated element", { size: [2n ** 30n], stride: [0n] }, /far more memory than the file/],
    ["a missing storage", { key: "1" }, /no storage "1"/],
    ["a storage by a path", { key: "../data.pkl" }, /no storage "..\/data.pkl"/],
  ])("refuses %s", async (_what, options, message) => {
    expect(await refusal(await archive(inDict(tensor(options))))).toMatch(message);
  });

  it("refuses many tensors that together repeat a storage too often", async () => {
    const large = { name: "a/data/big", bytes: new Uint8Array(2 ** 22) };
    const view = tensor({ key: "big", count: 2n ** 20n, size: [2n ** 20n] });
    const many = Array.from({ length: 20 }, (_, index) => [text(`w${index}`), view]);
    const pickle = bytesOf(START, "}", "(", ...many, "u.");
    expect(await refusal(await archive(pickle, [large]))).toMatch(/far more memory than it has bytes/);
  });

  it("ends walks through dicts that hold themselves", async () => {
    const loop = bytesOf(
      START,
      "}",
      "q\u0000",
      "(",
      text("a"),
      "h\u0000",
      text("b"),
      "h\u0000",
      text("w"),
      tensor({}),
      "u.",
    );
    const file = await openWeights(await archive(loop));
    expect(file.tensors.size).toBeLessThanOrEqual(1024);
    await file.close();
  });
});

describe("archives that lie", () => {
  const honest = encodeZip([
    { name: "a/data.pkl", bytes: inDict(tensor({})) },
    { name: "a/data/0", bytes: new Uint8Array(16) },
  ]);

  async function changed(change: (bytes: Buffer, directoryEntry: number) => void): Promise<string> {
    const bytes = Buffer.from(honest);
    change(bytes, bytes.lastIndexOf("PK\u0001\u0002"));
    const path = join(directory, `changed-${files++}.pth`);
    await writeFile(path, bytes);
    return refusal(path);
  }

  it("refuses entries that reach into each other, whatever they are named", async () => {
    expect(await changed((bytes, entry) => bytes.writeUInt32LE(0, entry + 42))).toMatch(
      /reaches into what follows/,
    );
  });

  it("refuses an entry larger than the file", async () => {
    expect(
      await changed((bytes, entry) => {
        bytes.writeUInt32LE(2 ** 30, entry + 20);
        bytes.writeUInt32LE(2 ** 30, entry + 24);
      }),
    ).toMatch(/reaches into what follows/);
    expect(await changed((bytes, entry) => bytes.writeUInt32LE(2 ** 30, entry + 24))).toMatch(
      /cut short|outside/,
    );
  });

  it("refuses compressed entries instead of unpacking a bomb", async () => {
    expect(await changed((bytes, entry) => bytes.writeUInt16LE(8, entry + 10))).toMatch(
      /compressed or encrypted/,
    );
  });

  it("refuses an archive with another in front of its directory", async () => {
    expect(await changed((bytes, entry) => bytes.writeUInt8(0, entry))).toMatch(/directory is damaged/);
  });

  it("refuses entries of the same name", async () => {
    const twice = [0, 1].map(() => ({ name: "a/data.pkl", bytes: inDict(tensor({})) }));
    const path = join(directory, "twice.pth");
    await writeFile(path, encodeZip(twice));
    expect(await refusal(path)).toMatch(/"a\/data.pkl" is there twice/);
  });

  it("refuses a ZIP archive of other files, and files of big-endian machines", async () => {
    const path = join(directory, "other.zip");
    await writeFile(path, encodeZip([{ name: "readme.txt", bytes: new Uint8Array(3) }]));
    expect(await refusal(path)).toMatch(/not one that PyTorch wrote/);
    const order = { name: "a/byteorder", bytes: Buffer.from("big") };
    expect(await refusal(await archive(inDict(tensor({})), [order]))).toMatch(/big-endian/);
  });
});
