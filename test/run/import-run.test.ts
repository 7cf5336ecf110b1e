import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isEpSamError, silentReporter } from "../../src/common/index.js";
import { device, floatTensor } from "../../src/graph/index.js";
import { encodePytorch, loadMinisamDecoder, type StateDict } from "../../src/models/index.js";
import {
  finishedDecoderStages,
  type ImportRunOptions,
  importRun,
  openRun,
  readClassifier,
  readDecoder,
} from "../../src/run/index.js";
import { makeTinyRun } from "../support/tiny-run.js";

let folder = "";
let classifier: StateDict = new Map();
let files = { classifier: "", decoder: "" };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "import-"));
  const tiny = await makeTinyRun(join(folder, "tiny"), { finished: ["classifier"] });
  classifier = await readClassifier({ run: tiny });
  files = {
    classifier: join(folder, "camelyon17_resnet_adl.pth"),
    decoder: join(folder, "camelyon17_decoder_iter3.pth"),
  };
  await writeFile(files.classifier, encodePytorch(classifier));
  const decoder = [...(await loadMinisamDecoder())].filter(([name]) => name.startsWith("mask_decoder."));
  await writeFile(files.decoder, encodePytorch(new Map(decoder)));
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

let runs = 0;
async function imported(changes: Partial<ImportRunOptions> = {}) {
  const warnings: string[] = [];
  const result = await importRun({
    ...files,
    out: join(folder, `run-${runs++}`),
    preset: "paper",
    overrides: {},
    patchSize: 64,
    overwrite: false,
    device: device(),
    reporter: { ...silentReporter, warn: (message) => warnings.push(message) },
    ...changes,
  });
  return { ...result, warnings };
}

async function refusal(action: Promise<unknown>): Promise<string> {
  const thrown: unknown = await action.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (isEpSamError(thrown)) return `[${thrown.tag}] ${thrown.message}`;
  throw new Error(`no complaint: ${String(thrown)}`);
}

describe("importing the authors' checkpoints", () => {
  it("makes a run whose models are theirs, with the classifier's own depth", async () => {
    const { run, config, stage, warnings } = await imported({ promptFrame: "patch" });
    expect(stage).toBe("round-3");
    expect(config.classifier).toMatchObject({ depth: 18, highFrequency: true, initialWeights: null });
    expect(config.sam.promptFrame).toBe("patch");
    expect(warnings).toEqual([expect.stringContaining("were trained with SAM ViT-B")]);

    const context = await openRun(run.root, { device: device(), reporter: silentReporter });
    expect(finishedDecoderStages(context)).toEqual(["round-3"]);
    const read = await readClassifier(context);
    expect(read.size).toBe(classifier.size);
    expect(read.get("fc.weight")).toEqual(classifier.get("fc.weight"));
    const decoder = await readDecoder(context, "round-3", new Map());
    expect(decoder.weights.size).toBe(120);
    const imports = context.run.record.weights.filter(({ name }) => name.startsWith("imported"));
    expect(imports.map(({ name, file }) => [name, file])).toEqual([
      ["imported classifier", files.classifier],
      ["imported decoder", files.decoder],
    ]);
    expect(context.run.record.stages["round-3"]?.summary).toEqual({ importedFrom: files.decoder });
  });

  it("warns when prompts are not in the frame they were trained with", async () => {
    const { warnings } = await imported();
    expect(warnings.join()).toContain("`promptFrame: patch`");
  });

  it("makes a run of a classifier alone, for SAM as it is", async () => {
    const { run, stage, warnings } = await imported({ decoder: undefined });
    expect(stage).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(Object.keys(run.record.stages)).toEqual(["classifier"]);
  });

  it("raises the number of rounds to that of the decoder", async () => {
    const { config } = await imported({ overrides: { rounds: 1 } });
    expect(config.rounds).toBe(3);
  });

  it("warns of a decoder that came with another prompt encoder", async () => {
    const sam = new Map(await loadMinisamDecoder());
    sam.set("prompt_encoder.no_mask_embed.weight", floatTensor([1, 256]));
    const decoder = join(folder, "fine-tuned.pth");
    await writeFile(decoder, encodePytorch(sam));
    const { warnings, stage, leftOut } = await imported({ decoder });
    expect(stage).toBe("preliminary");
    expect(warnings).toEqual([expect.stringContaining("Name that SAM with `sam`")]);
    expect(leftOut[1]?.leftOut[0]?.names).toEqual(["prompt_encoder.* (17 tensors)"]);
  });

  it("refuses what does not fit before a directory is made", async () => {
    const swapped = imported({ classifier: files.decoder, out: join(folder, "never") });
    expect(await refusal(swapped)).toMatch(/\[weights\].*does not hold a patch classifier/);
    const unknown = imported({ overrides: { classifer: {} }, out: join(folder, "never") });
    expect(await refusal(unknown)).toMatch(/\[configuration\].*classifer: is not a known key/);
    const { run } = await imported({ out: join(folder, "never") });
    expect(await refusal(imported({ out: run.root }))).toContain("already holds a run");
  });
});
