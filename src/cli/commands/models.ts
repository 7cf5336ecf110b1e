import { Command } from "@commander-js/extra-typings";
import { modelsExportCommand } from "./models-export.js";
import { modelsImportCommand } from "./models-import.js";
import { modelsInfoCommand } from "./models-info.js";
import { modelsListCommand } from "./models-list.js";
import { modelsPullCommand } from "./models-pull.js";

const EXAMPLES = `
Examples:
  $ epsam models list
  $ epsam models pull sam-vit-b
  $ epsam models import --classifier resnet_adl.pth --decoder decoder_iter3.pth --out run
  $ epsam models export run --part classifier --format onnx --out classifier.onnx
`;

export function modelsCommand() {
  return new Command("models")
    .addHelpText("after", EXAMPLES)
    .addCommand(modelsListCommand())
    .addCommand(modelsInfoCommand())
    .addCommand(modelsPullCommand())
    .addCommand(modelsImportCommand())
    .addCommand(modelsExportCommand());
}
