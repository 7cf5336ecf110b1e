import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { parse, stringify } from "yaml";
import { runProgram } from "../../src/cli/program.js";
import { processTerminal } from "../../src/cli/terminal.js";
import { isEpSamError } from "../../src/common/index.js";
import {
  hashConfig,
  parseConfig,
  presetNames,
  presets,
  readConfigFile,
  requireConsistentDecoder,
  resolveConfig,
  type TrainingConfig,
} from "../../src/run/index.js";
import { errorOf, makeFolder, removeFolders } from "../training/fixtures.js";

/** What a refused configuration says. */
function refusal(overrides: unknown, where?: string): string {
  try {
    resolveConfig("paper", overrides, where);
  } catch (failure) {
    if (isEpSamError(failure, "configuration")) return failure.message;
    throw failure;
  }
  throw new Error("the configuration was accepted");
}

/** Runs the command line in this process and keeps what it writes. */
async function runCli(...args: string[]) {
  const written = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    const code = await runProgram(args, processTerminal());
    return { code, ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
}

async function configFile(text: string): Promise<string> {
  const folder = await makeFolder();
  onTestFinished(() => removeFolders([folder]));
  const path = join(folder, "config.yaml");
  await writeFile(path, text);
  return path;
}

/** Every key with its value, `classifier.epochs` → 50; lists and null count as values. */
function leaves(value: unknown, path: readonly string[] = []): [string[], unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[[...path], value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

function valueAt(config: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null
        ? Object.entries(inner).find(([name]) => name === key)?.[1]
        : undefined,
    config,
  );
}

/** A valid value for every key that no preset has. */
const others: Record<string, unknown> = {
  "classifier.dense.context": [3],
  seed: 7,
  "classifier.model": "dense",
  "classifier.dense.backbone": "resnet-18",
  "classifier.dense.pooling": "mean",
  "classifier.dense.featureNoise": 0.2,
  "classifier.dense.augment.stainScale": 0.2,
  "classifier.dense.augment.stainShift": 0.05,
  "classifier.dense.dropRate": 0.5,
  "classifier.depth": 18,
  "classifier.initialWeights": "weights.safetensors",
  "classifier.inputSize": 96,
  "classifier.samplesPerEpoch": 12,
  "classifier.sampling": "balanced",
  "classifier.augmentation.border": "constant",
  "cam.layer": "layer4-last",
  "cam.scales": [0.5, 1],
  "cam.profile": "camelyon16",
  "cam.percentile": 20,
  "classifier.microBatch": 4,
  "classifier.checkpointing": "segments",
  "classifier.precision": "float16",
  "cam.threshold": 0.4,
  "cam.openingSize": 7,
  "sam.encoder": "vit-b",
  "sam.weights": "sam.pth",
  "sam.promptFrame": "patch",
  "sam.maskPrompt": "activation-map",
  "decoder.schedule": "cosine",
  "decoder.variants": [0, 3],
  "decoder.maximumPatches": 5,
  "decoder.validation": "activation-map",
  "decoder.kind": "pyramid",
  "decoder.loss": "cross-entropy-dice",
  "decoder.optionalMask": 0.3,
  "decoder.augment.stainScale": 0.2,
  "decoder.augment.stainShift": 0.05,
  "decoder.augment.cropSize": 416,
  "decoder.featureNoise": 0.2,
  "decoder.samplesPerEpoch": 60,
  "decoder.warmUpSteps": 10,
  "decoder.microBatch": 2,
  "decoder.checkpointing": "segments",
  "decoder.precision": "float16",
  "cache.directory": "/somewhere",
  "cache.precision": "float32",
  rounds: 1,
  "selection.minimumShare": 0.25,
};

function otherValue(path: string, value: unknown): unknown {
  if (path in others) return others[path];
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") return Number.isInteger(value) && value > 1 ? value - 1 : value / 2;
  return value;
}

describe("the presets", () => {
  it.each(presetNames)("%s is valid and survives being written and read", (name) => {
    const config = resolveConfig(name);
    expect(config).toEqual(presets[name]);
    expect(parseConfig(parse(stringify(config)), "a file")).toEqual(config);
  });

  it("paper holds the paper's values", () => {
    const { classifier, decoder, selection, rounds, sam } = presets.paper;
    expect(classifier).toMatchObject({
      depth: 50,
      epochs: 50,
      batchSize: 16,
      learningRate: 1e-5,
      patience: 25,
    });
    expect(decoder).toMatchObject({ epochs: 20, batchSize: 4, learningRate: 5e-6, weightDecay: 1e-2 });
    expect([selection.idsThreshold, rounds, sam.points]).toEqual([0.9, 3, 50]);
    expect(sam.maskPrompt).toBe("none");
  });
});

describe("overrides", () => {
  const settable = leaves(presets.paper).filter(([path]) => path.join(".") !== "sam.encoder");

  it.each(settable.map(([path, value]) => [path.join("."), path, value] as const))(
    "%s can be set",
    (name, path, value) => {
      const wanted = otherValue(name, value);
      expect(wanted).not.toEqual(value);
      const config: TrainingConfig = resolveConfig("paper", nested(path, wanted));
      expect(valueAt(config, path)).toEqual(wanted);
      for (const [other, before] of settable) {
        if (other !== path) expect(valueAt(config, other)).toEqual(before);
      }
    },
  );

  it.each([
    [{ classifier: { epoch: 3 } }, "classifier.epoch: is not a known key"],
    [{ clasifier: {} }, "clasifier: is not a known key"],
    [{ classifier: { augmentation: { mirror: 1 } } }, "classifier.augmentation.mirror: is not a known key"],
    [{ classifier: { epochs: 0 } }, "classifier.epochs: "],
    [{ classifier: { epochs: 1.5 } }, "classifier.epochs: "],
    [{ classifier: { batchSize: 1 } }, "classifier.batchSize: "],
    [{ classifier: { learningRate: 0 } }, "classifier.learningRate: "],
    [{ classifier: { learningRate: Number.POSITIVE_INFINITY } }, "classifier.learningRate: "],
    [{ classifier: { dropRate: 1.2 } }, "classifier.dropRate: "],
    [{ classifier: { depth: 34 } }, "classifier.depth: "],
    [{ classifier: { inputSize: 16 } }, "classifier.inputSize: "],
    [{ classifier: null }, "classifier: "],
    [{ cam: { layer: "layer3" } }, "cam.layer: "],
    [{ cam: { openingSize: 4 } }, "cam.openingSize: must be odd"],
    [{ cam: { scales: [] } }, "cam.scales: "],
    [{ decoder: { variants: [0, 8] } }, "decoder.variants.1: "],
    [{ selection: { idsThreshold: "high" } }, "selection.idsThreshold: "],
    [{ seed: -1 }, "seed: "],
    [7, "top level: "],
  ])("%j is refused by name", (overrides, expected) => {
    const message = refusal(overrides, "my.yaml");
    expect(message).toContain("my.yaml: ");
    expect(message).toContain(expected);
    expect(message).toContain("--print-config");
  });

  it("are refused together, each by name", () => {
    const message = refusal({ seed: -1, rounds: 99, decoder: { epoch: 1 } });
    for (const key of ["seed: ", "rounds: ", "decoder.epoch: "]) expect(message).toContain(key);
  });
});

describe("the hash of a configuration", () => {
  it("is what it was before decoders could see features, and differs where they do", () => {
    // Of the version before; a run of it is the same experiment today.
    expect(hashConfig(presets.paper)).toBe(
      "2424972d4479025845675891461bd070746c6f72b219e501408565a9ceb6ad2a",
    );
    expect(hashConfig(presets["paper-small"])).toBe(
      "775df3316fdf333e901f1ef433b3085890982c18cf6f0a50cf68a0daf5ee51e9",
    );
    const hashes = [{ kind: "pyramid" }, { features: true }, { augment: { stainShift: 0.1 } }].map(
      (decoder) => hashConfig(resolveConfig("paper", { decoder })),
    );
    expect(new Set([hashConfig(presets.paper), ...hashes]).size).toBe(4);
  });

  it("is what it was before features were disturbed, and differs where they are", () => {
    const dense = { model: "dense" };
    const before = hashConfig(resolveConfig("paper", { classifier: dense }));
    expect(before).toBe("8d2157525b6f812356174ee9f4bf8c6bcc728de2294977c0818f88a7aa48f7cc");
    const disturbed = { classifier: { ...dense, dense: { featureNoise: 0.1 } } };
    expect(hashConfig(resolveConfig("paper", disturbed))).not.toBe(before);
    const decoder = { kind: "pyramid" };
    expect(hashConfig(resolveConfig("paper", { decoder: { ...decoder, featureNoise: 0.1 } }))).not.toBe(
      hashConfig(resolveConfig("paper", { decoder })),
    );
  });
});

describe("the hash of a dense classifier", () => {
  const hashOf = (dense: object) => hashConfig(resolveConfig("laptop", { classifier: { dense } }));

  it("is what it was before its backbone could be trained, and differs where it is", () => {
    // Of the version before; a run of it is the same experiment today.
    expect(hashOf({})).toBe("5fa12b2ec0979ce424aeef24ef639504307607f95a577ff1bb0ce4d743b93ed9");
    const others = [
      { trainBackbone: true },
      { trainBackbone: 8 },
      { pretrainedRate: 0.1 },
      { augment: { stainScale: 0.1 } },
      { highFrequency: true },
      { dropRate: 0.5 },
      { dropThreshold: 0.7 },
    ];
    expect(new Set([{}, ...others].map(hashOf)).size).toBe(others.length + 1);
  });

  it("is that of a record which does not know the keys", () => {
    const { classifier } = presets.laptop;
    const known = [
      "backbone",
      "hidden",
      "pooling",
      "poolingShare",
      "poolingSharpness",
      "context",
      "featureNoise",
    ];
    const dense = Object.fromEntries(known.map((key) => [key, valueAt(classifier.dense, [key])]));
    const old = { ...presets.laptop, classifier: { ...classifier, dense } };
    expect(parseConfig(old, "a run")).toEqual(presets.laptop);
  });
});

describe("a decoder's settings", () => {
  const conflict = (overrides: unknown): string => {
    try {
      requireConsistentDecoder(resolveConfig("paper", overrides));
    } catch (failure) {
      if (isEpSamError(failure, "configuration")) return failure.message;
      throw failure;
    }
    return "none";
  };

  it("that do not go together are refused by name", () => {
    expect(conflict({ decoder: { negatives: true } })).toContain(
      "decoder.negatives: needs decoder.kind pyramid",
    );
    expect(conflict({ decoder: { validation: "windows" } })).toContain("decoder.validation: needs");
    expect(conflict({ sam: { points: 0 } })).toContain("sam.points: must be at least 1");
    expect(conflict({ decoder: { kind: "pyramid", confidence: true } })).toContain(
      "decoder.confidence: needs",
    );
    expect(conflict({ decoder: { features: true, negatives: true } })).toContain(
      "decoder.negatives: needs sam.points 0",
    );
    expect(conflict({ decoder: { features: true, flipsAtTest: true } })).toContain(
      "decoder.flipsAtTest: is for",
    );
  });

  it("that do are not", () => {
    expect(conflict({})).toBe("none");
    expect(
      conflict({ decoder: { kind: "pyramid", negatives: true, calibrate: true, flipsAtTest: true } }),
    ).toBe("none");
    expect(
      conflict({
        sam: { points: 0, maskPrompt: "activation-map" },
        decoder: { features: true, negatives: true, optionalMask: 0.3 },
      }),
    ).toBe("none");
  });
});

describe("a configuration file", () => {
  it("may be empty, YAML or JSON", async () => {
    expect(await readConfigFile(await configFile(""))).toEqual({});
    expect(await readConfigFile(await configFile("rounds: 1\n"))).toEqual({ rounds: 1 });
    expect(await readConfigFile(await configFile('{"rounds": 1}'))).toEqual({ rounds: 1 });
  });

  it("that is missing, malformed or a list is refused with its path", async () => {
    expect(await errorOf(readConfigFile("/nowhere/config.yaml"))).toContain(
      "[configuration] /nowhere/config.yaml: cannot be read",
    );
    const malformed = await configFile("classifier: {epochs: 3");
    expect(await errorOf(readConfigFile(malformed))).toContain(
      `[configuration] ${malformed}: cannot be read`,
    );
    const list = await configFile("- 1\n- 2\n");
    expect(await errorOf(readConfigFile(list))).toContain(`${list}: does not hold keys and values`);
  });
});

describe("epsam train", () => {
  it("names file, line and key of what is wrong in --config", async () => {
    const file = await configFile("seed: 1\nclassifier:\n  epochs: 0\n  epoch: 3\n");
    const { code, stderr } = await runCli("train", "--config", file, "--print-config");
    expect(code).toBe(2);
    expect(stderr).toContain(file);
    expect(stderr).toMatch(/line 3, classifier\.epochs: .*; line 4, classifier\.epoch: is not a known key/);
  });

  it("--print-config prints what --config reads back", async () => {
    const printed = await runCli("train", "--preset", "laptop", "--seed", "5", "--print-config");
    expect(printed.code).toBe(0);
    expect(parse(printed.stdout)).toEqual({ ...presets.laptop, seed: 5 });
    const again = await runCli("train", "--config", await configFile(printed.stdout), "--print-config");
    expect(again.stdout).toBe(printed.stdout);
  });

  it("--seed wins over the file, the file over the preset", async () => {
    const file = await configFile("seed: 3\nrounds: 1\n");
    const fromFile = await runCli(
      "train",
      "--preset",
      "laptop",
      "--config",
      file,
      "--print-config",
      "--json",
    );
    expect(JSON.parse(fromFile.stdout)).toEqual({ ...presets.laptop, seed: 3, rounds: 1 });
    const withSeed = await runCli("train", "--config", file, "--seed", "4", "--print-config", "--json");
    expect(JSON.parse(withSeed.stdout)).toEqual({ ...presets.paper, seed: 4, rounds: 1 });
  });

  it.each([
    ["an unknown key", "classifier: {epoch: 3}", "classifier.epoch: is not a known key"],
    ["a value out of range", "cam: {openingSize: 20}", "cam.openingSize: must be odd"],
  ])("ends with code 2 at %s and names file and key", async (_name, text, expected) => {
    const file = await configFile(text);
    const { code, stderr } = await runCli("train", "--config", file, "--print-config");
    expect(code).toBe(2);
    expect(stderr).toContain(file);
    expect(stderr).toContain(expected);
  });

  it("ends with code 2 without --data or --out", async () => {
    expect((await runCli("train")).code).toBe(2);
    const { code, stderr } = await runCli("train", "--data", "somewhere");
    expect(code).toBe(2);
    expect(stderr).toContain("--out: is needed");
  });
});
