import { Command, Option } from "@commander-js/extra-typings";
import { formatBytes } from "../../common/index.js";
import { device as defaultDevice } from "../../graph/index.js";
import { type ExportedFile, exportFormats, exportFromRun, exportParts, openRun } from "../../run/index.js";
import { jsonOption, overwriteOption, path } from "../options.js";
import { runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam models export run --part classifier --format pth --out classifier.pth
  $ epsam models export run --part decoder --format safetensors --stage round-3 --out decoder.safetensors
  $ epsam models export run --part decoder --format onnx --out decoder.onnx

safetensors and pth hold the original state-dict names (.pth is read with torch.load(PATH, weights_only=True)).
ONNX: classifier (images → logit, probability, activation_map), encoder (image → embedding) and decoder (embedding and
any number of points → logits); docs/formats.md describes their inputs and outputs.`;

/** `epsam models export`: a run's models for other programs. */
export function modelsExportCommand() {
  return new Command("export")
    .description("write a model of a run for other programs: safetensors, PyTorch, ONNX")
    .argument("<run>", "run directory", path)
    .addOption(new Option("--part <part>", "which model").choices(exportParts).makeOptionMandatory())
    .addOption(new Option("--format <format>", "file format").choices(exportFormats).makeOptionMandatory())
    .option("--stage <name>", "whose decoder: untrained, preliminary, round-1, ... (default: the last)")
    .requiredOption("--out <file>", "file to write", path)
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((run, { part, format, stage, out, overwrite, json }) =>
      runCommand({ json }, async ({ reporter, signal }) => {
        const context = await openRun(run, { device: defaultDevice(), reporter, signal });
        const file = await exportFromRun(context, {
          part,
          format,
          stage,
          out,
          overwrite: overwrite ?? false,
        });
        return { json: file, text: describe(file) };
      }),
    );
}

function describe({ file, bytes, sha256, stage }: ExportedFile): string {
  const whose = stage === undefined ? "" : `, decoder of ${stage}`;
  return `${file} (${formatBytes(bytes)}${whose})\n  SHA-256 ${sha256}`;
}
