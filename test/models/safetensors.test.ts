import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import {
  encodeSafetensors,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from "../../src/models/weights/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(directory, { recursive: true }));

/** A file with the given header text (or object) and data bytes. */
async function fileWith(name: string, header: unknown, data: Uint8Array = new Uint8Array()): Promise<string> {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  const path = join(directory, name);
  await writeFile(path, Buffer.concat([prefix, Buffer.from(text), data]));
  return path;
}

async function messageOfReading(path: string): Promise<string> {
  try {
    await readSafetensors(path);
  } catch (thrown) {
    expect(isEpSamError(thrown, "weights")).toBe(true);
    expect(String(thrown)).toContain(path);
    return String(thrown);
  }
  throw new Error(`${path} was read without complaint`);
}

const entry = (shape: readonly number[], begin: number, end: number, dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("reading and writing safetensors", () => {
  const tensors = new Map<string, StoredTensor>([
    ["b.weight", { dataType: "float32", shape: [2, 2], data: Float32Array.of(1, -2.5, 3e-8, 4) }],
    ["flags", { dataType: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ["a.bias", { dataType: "float32", shape: [1], data: Float32Array.of(7) }],
    ["step", { dataType: "int64", shape: [], data: BigInt64Array.of(-(2n ** 40n)) }],
    ["bytes", { dataType: "uint8", shape: [0, 4], data: new Uint8Array() }],
  ]);

  it("returns what was written, metadata included", async () => {
    const path = join(directory, "round-trip.safetensors");
    await writeSafetensors(path, tensors, { stage: "preliminary", epoch: "3" });
    const read = await readSafetensors(path);
    expect(new Map(read.tensors)).toEqual(tensors);
    expect(Object.fromEntries(read.metadata)).toEqual({ epoch: "3", stage: "preliminary" });
    expect((await readdir(directory)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("lays bytes out by content alone, aligned to the element size", () => {
    const reversed = new Map([...tensors].reverse());
    const bytes = encodeSafetensors(tensors, { a: "1", b: "2" });
    expect(encodeSafetensors(reversed, { b: "2", a: "1" })).toEqual(bytes);
    const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerLength % 8).toBe(0);
    const header: Record<string, { data_offsets?: [number, number] }> = JSON.parse(
      new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)),
    );
    expect(Object.keys(header)).toEqual(["__metadata__", "step", "a.bias", "b.weight", "bytes", "flags"]);
    expect(header["b.weight"]?.data_offsets).toEqual([12, 28]);
  });

  it("widens half precisions exactly", async () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x7e00, 0x8000);
    const bfloats = Uint16Array.of(0x3f80, 0xc0a0);
    const data = Buffer.concat([Buffer.from(halves.buffer), Buffer.from(bfloats.buffer)]);
    const header = { half: entry([7], 0, 14, "F16"), brain: entry([2], 14, 18, "BF16") };
    const { tensors: read } = await readSafetensors(await fileWith("half.safetensors", header, data));
    expect([...(read.get("half")?.data ?? [])]).toEqual([1, -2, 2 ** -24, 65504, Infinity, NaN, -0]);
    expect([...(read.get("brain")?.data ?? [])]).toEqual([1, -5]);
  });

  it("widens 8-bit floating point exactly (Open Compute's E4M3 and E5M2)", async () => {
    const data = Uint8Array.of(0x38, 0xc0, 0x01, 0x7e, 0x7f, 0x3c, 0xc4, 0x01, 0x7b, 0x7c);
    const header = { e4m3: entry([5], 0, 5, "F8_E4M3"), e5m2: entry([5], 5, 10, "F8_E5M2") };
    const { tensors: read } = await readSafetensors(await fileWith("eight.safetensors", header, data));
    expect([...(read.get("e4m3")?.data ?? [])]).toEqual([1, -2, 2 ** -9, 448, NaN]);
    expect([...(read.get("e5m2")?.data ?? [])]).toEqual([1, -4, 2 ** -16, 57344, Infinity]);
  });

  it("reads and writes every other element type", async () => {
    const every = new Map<string, StoredTensor>([
      ["float64", { dataType: "float64", shape: [1], data: Float64Array.of(1 / 3) }],
      ["int64", { dataType: "int64", shape: [1], data: BigInt64Array.of(-5n) }],
      ["uint64", { dataType: "uint64", shape: [1], data: BigUint64Array.of(2n ** 63n) }],
      ["int32", { dataType: "int32", shape: [1], data: Int32Array.of(-5) }],
      ["uint32", { dataType: "uint32", shape: [1], data: Uint32Array.of(2 ** 31) }],
      ["int16", { dataType: "int16", shape: [1], data: Int16Array.of(-5) }],
      ["uint16", { dataType: "uint16", shape: [1], data: Uint16Array.of(2 ** 15) }],
      ["int8", { dataType: "int8", shape: [1], data: Int8Array.of(-5) }],
    ]);
    const path = join(directory, "every.safetensors");
    await writeSafetensors(path, every);
    expect((await readSafetensors(path)).tensors).toEqual(every);
  });

  it("refuses to write data that does not fill its shape", () => {
    const wrong = new Map([["w", { dataType: "float32" as const, shape: [3], data: new Float32Array(2) }]]);
    expect(() => encodeSafetensors(wrong)).toThrow(/tensor "w" cannot be written/);
  });
});

describe("damaged safetensors files", () => {
  const four = new Uint8Array(4);
  const cases: [string, unknown, Uint8Array, RegExp][] = [
    ["not-json", "{oops", four, /header that is not JSON/],
    ["array", [], new Uint8Array(), /not a JSON object/],
    ["no-offsets", { w: { dtype: "F32", shape: [1] } }, four, /tensor "w" has an invalid header entry/],
    ["negative", { w: entry([-1], 0, 4) }, four, /tensor "w" has an invalid header entry \(shape\.0/],
    ["unknown-type", { w: entry([1], 0, 8, "C64") }, new Uint8Array(8), /tensor "w".*C64.*read are F64, F32/],
    ["inherited-type", { w: entry([1], 0, 4, "constructor") }, four, /element type constructor/],
    ["wrong-size", { w: entry([2], 0, 4) }, four, /tensor "w".*takes 8 bytes, the offsets give 4/],
    ["huge", { w: entry([2 ** 40, 2 ** 40], 0, 4) }, four, /tensor "w" is larger than any file/],
    ["outside", { w: entry([2], 0, 8) }, four, /tensor "w" lies outside the file/],
    ["overlap", { v: entry([1], 0, 4), w: entry([1], 0, 4) }, four, /tensor "w" overlaps/],
    ["hole", { w: entry([1], 4, 8) }, new Uint8Array(8), /tensor "w" follows bytes that belong to no tensor/],
    ["excess", { w: entry([1], 0, 4) }, new Uint8Array(8), /4 bytes behind the last tensor/],
    ["metadata", { __metadata__: { epoch: 3 } }, new Uint8Array(), /metadata that is not a map of texts/],
  ];
  it.each(cases)("%s", async (name, header, data, message) => {
    expect(await messageOfReading(await fileWith(`${name}.safetensors`, header, data))).toMatch(message);
  });

  it("shorter than a header length, or than the header it announces", async () => {
    const path = join(directory, "short.safetensors");
    await writeFile(path, "abc");
    expect(await messageOfReading(path)).toMatch(/too short/);
    await writeFile(path, Buffer.from("ffffffffffffff7f7b7d", "hex"));
    expect(await messageOfReading(path)).toMatch(/not a safetensors file or is truncated/);
    await writeFile(path, encodeSafetensors(new Map()).subarray(0, 12));
    expect(await messageOfReading(path)).toMatch(/truncated/);
  });

  it("absent", async () => {
    expect(await messageOfReading(join(directory, "absent.safetensors"))).toMatch(/cannot be opened/);
  });
});

describeWithShared("a safetensors file written by the Python library", ["golden/cam.safetensors"], () => {
  it("is read, and survives being written again", async () => {
    const { tensors } = await readSafetensors(sharedPath("golden", "cam.safetensors"));
    expect(tensors.get("fc.weight")?.dataType).toBe("float32");
    const copy = join(directory, "cam.safetensors");
    await writeSafetensors(copy, tensors);
    expect((await readSafetensors(copy)).tensors).toEqual(tensors);
    expect((await readFile(copy)).length).toBeGreaterThan(0);
  });
});
