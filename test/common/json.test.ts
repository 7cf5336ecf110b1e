import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { jsonIfFits, parseJson, readJson } from "../../src/common/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const schema = z.object({ sizes: z.array(z.number()) });

describe("JSON", () => {
  const directory = temporaryDirectory();
  const failure = { tag: "dataset", what: "cannot be understood", action: "Prepare it again." } as const;

  it("is a value that fits, or undefined", () => {
    expect(jsonIfFits('{"sizes":[1]}', schema)).toEqual({ sizes: [1] });
    expect([jsonIfFits('{"sizes":["1"]}', schema), jsonIfFits("{", schema)]).toEqual([undefined, undefined]);
    expect(jsonIfFits("null", z.null())).toBeNull();
  });

  it("is refused with the reason and its place", () => {
    const refuse = (why: string) => new Error(why);
    expect(parseJson('{"sizes":[1]}', schema, refuse)).toEqual({ sizes: [1] });
    expect(() => parseJson('{"sizes":[1,"2"]}', schema, refuse)).toThrowError(/^sizes\.1: .*expected number/);
    expect(() => parseJson("3", schema, refuse)).toThrowError(/^Invalid input/);
    expect(() => parseJson("{", schema, refuse)).toThrowError(/^malformed JSON: /);
  });

  it("in a file is refused with the file's name", async () => {
    const path = directory.path("a.json");
    const found = { tag: "dataset", fields: { where: path, what: failure.what, action: failure.action } };
    await expect(readJson(path, schema, failure)).rejects.toMatchObject(found);
    await writeFile(path, "[");
    await expect(readJson(path, schema, failure)).rejects.toMatchObject(found);
    await writeFile(path, '{"sizes":[4]}');
    expect(await readJson(path, schema, failure)).toEqual({ sizes: [4] });
  });
});
