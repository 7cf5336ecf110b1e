import { Command, Option } from "@commander-js/extra-typings";
import { EpSamError } from "../../common/index.js";
import { defaultOf, LARGEST_PATCH, preparationSettings } from "../../contract/index.js";
import type { DeviceRequest } from "../../graph/index.js";
import {
  type CheckpointKind,
  checkpointKinds,
  convertCheckpoint,
  importBackbone,
} from "../../models/index.js";
import { importRun, type PresetName, presetNames, readConfigFile } from "../../run/index.js";
import { deviceFor } from "../device-choice.js";
import { requireFree } from "../free-output.js";
import {
  deviceOption,
  jsonOption,
  overwriteOption,
  path,
  shownCommandLine,
  wholeNumber,
} from "../options.js";
import { type ActionContext, type CommandOutcome, runCommand } from "../run-command.js";
import { foundation, foundationOptions } from "./import-foundation.js";
import { leftOutText } from "./left-out-text.js";

const HELP = `
Examples:
  $ epsam models import uni2-h/pytorch_model.bin --accept-licence     a foundation model, for classifier.dense.backbone
  $ epsam models import vit.safetensors --model other --mean 0.5,0.5,0.5 --deviation 0.5,0.5,0.5 --name mine
  $ epsam models import encoder.onnx            any encoder, with encoder.yaml beside it
  $ epsam models import --classifier camelyon17_resnet_adl.pth --decoder camelyon17_decoder_iter3.pth \\
      --sam sam_vit_b_01ec64.pth --prompt-frame patch --out run     a run directory for infer and evaluate
  $ epsam models import medsam_vit_b.pth --as sam --out medsam.safetensors
  $ epsam models import resnet18.pth --as backbone     for classifier.dense.backbone; with --out a file of its own
  $ epsam models import checkpoint.pt --as classifier --key ema.state_dict --out classifier.safetensors

Without --as and --out the file is a foundation model: a vision transformer under the names of timm, DINOv2 or
transformers (.safetensors, .bin, .pth, or the .index.json of its parts), or an encoder as ONNX. It is recognised, run
once and kept in the cache directory. docs/guide-foundation-models.md says more.

Reads PyTorch checkpoints (.pth, .pt, of any age), safetensors and ONNX without running anything in them. Tensors that
are missing, surplus or of another shape are listed and nothing is written. Prefixes such as "module." are removed.
The authors' published decoders were trained with SAM ViT-B and with prompts in the patch's frame.`;

/** `epsam models import`: weights that were trained elsewhere. */
export function modelsImportCommand() {
  return new Command("import")
    .description(
      "take over weights trained elsewhere: as a run directory, or checked and converted to safetensors",
    )
    .argument("[file]", "a checkpoint to convert", path)
    .addOption(new Option("--as <kind>", "what the file is").choices(checkpointKinds))
    .option(
      "--key <names>",
      "where the file holds the state dict, such as model.state_dict (found by itself)",
    )
    .option("--classifier <file>", "checkpoint of the patch classifier, for a run", path)
    .option("--decoder <file>", "checkpoint of SAM's mask decoder, for a run", path)
    .option("--sam <file>", "checkpoint of the SAM that the decoder belongs to", path)
    .option(
      "--patch-size <pixels>",
      "side of the patches that the models were trained on",
      wholeNumber(32, LARGEST_PATCH),
      defaultOf(preparationSettings.shape.patchSize),
    )
    .addOption(
      new Option("--prompt-frame <frame>", "frame of the prompts that the decoder was trained with").choices([
        "model",
        "patch",
      ] as const),
    )
    .addOption(new Option("--preset <name>", "values to start from (default: paper)").choices(presetNames))
    .option("--config <file>", "YAML or JSON file with values that differ", path)
    .option("--out <path>", "run directory, or safetensors file, to write", path)
    .addOption(foundationOptions.model())
    .addOption(foundationOptions.name())
    .addOption(foundationOptions.mean())
    .addOption(foundationOptions.deviation())
    .addOption(foundationOptions.micronsPerPixel())
    .addOption(foundationOptions.size())
    .addOption(foundationOptions.heads())
    .addOption(foundationOptions.blocks())
    .addOption(foundationOptions.largePatches())
    .addOption(foundationOptions.licence())
    .addOption(foundationOptions.acceptLicence())
    .addOption(deviceOption())
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((file, options) =>
      runCommand(options, async (context) =>
        file === undefined
          ? importModels({ ...options, ...context, out: requireOut(options.out) })
          : options.as === undefined && options.out === undefined
            ? foundation(file, { ...options, ...context })
            : options.as === "backbone" && options.out === undefined
              ? keepBackbone(file, options)
              : convert(file, options.as, { ...options, ...context, out: requireOut(options.out) }),
      ),
    );
}

function requireOut(out: string | undefined): string {
  if (out !== undefined) return out;
  throw new EpSamError("usage", {
    what: "needs --out",
    where: "epsam models import",
    action:
      "Name the run directory, or the safetensors file, to write. A foundation model needs neither --out nor --as, a backbone no --out.",
  });
}

async function keepBackbone(
  path: string,
  { key, overwrite }: { readonly key?: string | undefined; readonly overwrite?: true | undefined },
): Promise<CommandOutcome> {
  const { entry, leftOut, ...imported } = await importBackbone(path, { key, overwrite: overwrite === true });
  const lines = [
    `${entry.name}: ${entry.title}, ${imported.tensors} tensors in ${imported.file}`,
    `  licence ${entry.licence}`,
    ...leftOutText(leftOut),
    `Next: epsam train --data DATASET --out RUN --backbone ${entry.name}`,
  ];
  return { json: { name: entry.name, ...imported, leftOut }, text: lines.join("\n") };
}

interface ConvertOptions {
  readonly key?: string | undefined;
  readonly classifier?: string | undefined;
  readonly decoder?: string | undefined;
  readonly out: string;
  readonly overwrite?: true | undefined;
}

async function convert(
  file: string,
  kind: CheckpointKind | undefined,
  { key, classifier, decoder, out, overwrite }: ConvertOptions,
): Promise<CommandOutcome> {
  if (kind === undefined || classifier !== undefined || decoder !== undefined) {
    throw new EpSamError("usage", {
      what: "needs --as, without --classifier and --decoder",
      where: file,
      action: `Say what the file is: --as ${checkpointKinds.join(", --as ")}.`,
    });
  }
  await requireFree(out, overwrite);
  const converted = await convertCheckpoint(file, kind, out, { key });
  const lines = [
    `${converted.title}: ${converted.tensors} tensors in ${out}`,
    ...leftOutText(converted.leftOut),
  ];
  return { json: converted, text: lines.join("\n") };
}

interface RunOptions extends ActionContext {
  readonly classifier?: string | undefined;
  readonly decoder?: string | undefined;
  readonly sam?: string | undefined;
  readonly patchSize: number;
  readonly promptFrame?: "model" | "patch" | undefined;
  readonly preset?: PresetName | undefined;
  readonly config?: string | undefined;
  readonly out: string;
  readonly device: DeviceRequest;
  readonly overwrite?: true | undefined;
}

async function importModels(options: RunOptions): Promise<CommandOutcome> {
  const { classifier, decoder, sam, patchSize, promptFrame, preset, config, out, device, reporter } = options;
  if (classifier === undefined) {
    throw new EpSamError("usage", {
      what: "names neither a file with --as nor a --classifier",
      where: "epsam models import",
      action: "`epsam models import --help` shows examples.",
    });
  }
  const { run, stage, leftOut } = await importRun({
    classifier,
    decoder,
    sam,
    patchSize,
    promptFrame,
    preset: preset ?? "paper",
    overrides: config === undefined ? {} : await readConfigFile(config),
    out,
    overwrite: options.overwrite ?? false,
    device: deviceFor(device, reporter),
    reporter,
    commandLine: shownCommandLine(),
  });
  const use = stage === undefined ? " --stage untrained" : "";
  const text = [
    `Run in ${run.root}`,
    stage === undefined ? "  no decoder: SAM as it is" : `  decoder as ${stage}`,
    ...leftOut.flatMap((entry) => leftOutText(entry.leftOut)),
    `Next: epsam infer IMAGES --run ${run.root}${use} --out DIR`,
  ].join("\n");
  return { json: { run: run.root, stage: stage ?? null, leftOut, weights: run.record.weights }, text };
}
