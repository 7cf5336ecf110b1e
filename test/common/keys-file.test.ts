import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readKeysFile } from "../../src/common/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const { path } = temporaryDirectory();

async function read(text: string) {
  await writeFile(path("keys.yaml"), text);
  return readKeysFile(path("keys.yaml"), "See the guide.");
}

describe("a file of keys", () => {
  it("tells the line of a key, of the innermost known one around a missing key, and of none", async () => {
    const { content, lineOf } = await read("# a comment\nseed: 1\n\ntrain:\n  classifier:\n    epochs: 3\n");
    expect(content).toEqual({ seed: 1, train: { classifier: { epochs: 3 } } });
    expect(lineOf(["seed"])).toBe(2);
    expect(lineOf(["train", "classifier", "epochs"])).toBe(6);
    expect(lineOf(["train", "classifier", "depth"])).toBe(5);
    expect(lineOf(["split", 0])).toBeNull();
  });

  it("tells lines in JSON and behind flow style", async () => {
    const { lineOf } = await read('{\n "prepare": {"mpp": 0.5,\n  "stride": 3}\n}');
    expect(lineOf(["prepare", "mpp"])).toBe(2);
    expect(lineOf(["prepare", "stride"])).toBe(3);
  });

  it("is refused with the line where it is malformed, or says a thing twice", async () => {
    await expect(read("seed: 1\ntrain: [1\n")).rejects.toThrow(/keys\.yaml: cannot be read.*line [23]/s);
    await expect(read("seed: 1\nout: a\nseed: 2\n")).rejects.toThrow(/unique.*line 3/s);
  });
});
