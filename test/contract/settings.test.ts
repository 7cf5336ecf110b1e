import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { createProgram } from "../../src/cli/program.js";
import { errorWithFlags, flagOf, speakFor, withFlags } from "../../src/cli/setting-flags.js";
import { EpSamError, isEpSamError, readSettings } from "../../src/common/index.js";
import {
  defaultOf,
  inferenceSettings,
  jobKinds,
  jobRequestSchema,
  nameSettings,
  preparationSettings,
  presetSetting,
} from "../../src/contract/index.js";
import { prepareDataset } from "../../src/dataset/index.js";
import { DEFAULT_OVERLAP } from "../../src/inference/index.js";
import { presetNames } from "../../src/run/index.js";
import { recordingTerminal } from "../cli/recording-terminal.js";

const SOURCE = "src";

/** Messages of the library, as far as they stand in one line: what is between quotes outside comments. */
const messages = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file) && !/^(cli|web)\b/.test(file) && !file.endsWith("stylesheet.ts"))
  .flatMap((file) =>
    readFileSync(join(SOURCE, file), "utf8")
      .split("\n")
      .filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line))
      .map((line) => ({ file, line })),
  );

function optionsOf(command: CommandUnknownOpts): string[] {
  const own = command.options.flatMap(({ long }) => (long === undefined ? [] : [long]));
  return [...own, ...command.commands.flatMap(optionsOf)];
}

// The process may have run a command before.
beforeAll(() => speakFor(null));

describe("settings", () => {
  it("that a message names are options of the command line", async () => {
    const flags = new Set(optionsOf(await createProgram(recordingTerminal())));
    const named = new Set<string>();
    for (const { line } of messages) {
      // Backticks inside a template are escaped.
      for (const [text] of line.matchAll(/"[^"]*"|\\`[^`]+\\`/g)) {
        nameSettings(text.replaceAll("\\`", "`"), (name) => `${named.add(name)}`);
      }
    }
    expect(named.size).toBeGreaterThan(30);
    expect([...named].filter((name) => !flags.has(flagOf(name)))).toEqual([]);
  });

  it("are not called by their flags outside the command line, but in whole commands", () => {
    // Arguments of child processes: of Node, and of the command that a job starts.
    const commands =
      /"--import"|\["--queue"\]|\\?`(?:epsam|node|vips|raw2ometiff) [^`]*`|ssh -L|epsam train --resume\./g;
    const speaking = messages.filter(
      ({ file, line }) =>
        /(^|[^-\w])--[a-z]/.test(line.replace(commands, "")) && !/(job|teaching)-plan\.ts$/.test(file),
    );
    expect(speaking.map(({ file, line }) => `${file}: ${line.trim()}`)).toEqual([]);
  });

  it("become flags with their values", () => {
    expect(withFlags("pass `unmarked: normal`, `resume: true` or another `minimumTissue`")).toBe(
      "pass --unmarked normal, --resume or another --min-tissue",
    );
    expect(withFlags("see `epsam doctor`, `Region*` and `a_b`")).toBe(
      "see `epsam doctor`, `Region*` and `a_b`",
    );
    const error = errorWithFlags(new EpSamError("usage", { where: "`patchSize`", what: "cannot be 0" }));
    expect(error.fields).toMatchObject({ where: "--patch-size", what: "cannot be 0", action: undefined });
  });

  it("out of range are named with what would do", () => {
    const shape = z.object({ patchSize: preparationSettings.shape.patchSize });
    expect(readSettings(shape, {})).toEqual({ patchSize: 512 });
    const refusal = (patchSize: number): string => {
      try {
        readSettings(shape, { patchSize });
      } catch (thrown) {
        if (isEpSamError(thrown, "usage")) return thrown.message;
        throw thrown;
      }
      return "";
    };
    expect(refusal(0)).toBe("`patchSize`: cannot be 0. Give a whole number 1 or more.");
    expect(refusal(4097)).toBe("`patchSize`: cannot be 4097. Give a whole number of at most 4096.");
    expect(refusal(1.5)).toBe("`patchSize`: cannot be 1.5. Give a whole number from 1 to 4096.");
  });
});

describe("the limits of page, server, library and command line", () => {
  const prepare = {
    kind: "prepare",
    name: "set",
    slides: ["s"],
    annotations: "corrections",
    patchSize: 512,
  };
  const accepts = (values: object): boolean =>
    z.safeParse(jobRequestSchema, { ...prepare, ...values }).success;
  const library = (values: object) =>
    prepareDataset({ inputs: ["/nowhere"], out: "/nowhere/out", ...values }).catch((thrown: unknown) =>
      isEpSamError(thrown) ? thrown.fields.where : thrown,
    );

  it.each([
    [{ stride: 20_000 }, true],
    [{ stride: 0 }, false],
    [{ mpp: 100 }, true],
    [{ mpp: 101 }, false],
    [{ patchSize: 4096 }, true],
    [{ patchSize: 4097 }, false],
  ])("are the same for %j", async (values, isRight) => {
    expect(accepts(values)).toBe(isRight);
    const [name] = Object.keys(values);
    expect((await library(values)) === `\`${name}\``).toBe(!isRight);
  });

  it.each([
    ["windows.size", { size: 0 }],
    ["windows.size", { size: 513 }],
    ["windows.stride", { size: 16, stride: 0 }],
    ["windows.share", { size: 16, share: 0.5 }],
    ["positiveRange", null],
  ])("name what is wrong inside a setting: %s", async (name, windows) => {
    const values = windows === null ? { positiveRange: [0.2, "x"] } : { windows };
    expect(await library(values)).toBe(`\`${name}\``);
    expect(flagOf(name)).toMatch(/^--(window-(size|stride|share)|positive-range)$/);
  });

  it("let patches overlap by nine tenths everywhere", () => {
    const infer = { kind: "infer", run: "r", slides: ["s"] };
    const overlapping = (overlap: number): boolean =>
      z.safeParse(jobRequestSchema, { ...infer, overlap }).success;
    expect([0.9, 0.91].map(overlapping)).toEqual([true, false]);
    expect(defaultOf(inferenceSettings.shape.overlap)).toBe(DEFAULT_OVERLAP);
  });

  it("know the presets of runs, and every kind of job that has a form: teaching begins on a slide", () => {
    expect(presetSetting.options.toSorted()).toEqual(presetNames.toSorted());
    const kinds = jobRequestSchema.def.options.map(({ shape }) => shape.kind.def.values[0]);
    expect([...jobKinds, "teach"].toSorted()).toEqual(kinds.toSorted());
  });
});
