import { Command } from "@commander-js/extra-typings";
import { formatBytes } from "../doctor/check.js";
import { type EmbeddedModel, embeddedModels } from "../doctor/library-checks.js";
import { jsonOption } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

const EXAMPLES = `
Examples:
  epsam models list          the pretrained weights that came with the package
  epsam models list --json   the same for a program
`;

/** `epsam models` */
export function modelsCommand() {
  const list = new Command("list")
    .description("show the weights at hand with file, size and SHA-256")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action((options) => runCommand(options, async () => modelsOutcome(await embeddedModels())));
  return new Command("models")
    .description("pretrained weights")
    .addHelpText("after", EXAMPLES)
    .addCommand(list);
}

function modelsOutcome(models: readonly EmbeddedModel[]): CommandOutcome {
  const blocks = models.map(
    ({ name, role, file, bytes, sha256 }) =>
      `${name}: ${role}\n  file    ${file}\n  size    ${formatBytes(bytes)}\n  SHA-256 ${sha256}`,
  );
  return { json: { models }, text: blocks.join("\n\n") };
}
