import { Command } from "@commander-js/extra-typings";
import { formatBytes } from "../../common/index.js";
import {
  type BackboneEntry,
  backbones,
  type CatalogueEntry,
  catalogue,
  type FoundationModel,
  foundationDirectory,
  foundationModel,
  foundationNames,
  minisamStages,
  modelDirectory,
  type StoredModel,
  storedModel,
} from "../../models/index.js";
import { type EmbeddedModel, embeddedModels } from "../doctor/library-checks.js";
import { jsonOption } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";
import { backboneFacts, stagesFacts, weightsText } from "./models-info.js";

const EXAMPLES = `
Examples:
  $ epsam models list          what came with the package, and what can be downloaded
  $ epsam models list --json   the same for a program
`;

export function modelsListCommand() {
  return new Command("list")
    .description("show the weights at hand and those that can be downloaded, with size, licence and SHA-256")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action((options) => runCommand(options, listModels));
}

async function listModels(): Promise<CommandOutcome> {
  const models = await embeddedModels();
  const foundations = foundationNames().map(foundationModel);
  const published = await Promise.all(
    catalogue.map(async (entry) => ({ ...entry, stored: await storedModel(entry) })),
  );
  const text = [
    "Embedded",
    ...models.map(embeddedText),
    "",
    "Backbones; `epsam models info NAME` says more",
    ...backbones.map(backboneText),
    `  ${minisamStages.name}: ${minisamStages.title}, for classifiers\n    weights come with the package`,
    "",
    `Foundation models; \`epsam models import FILE\` puts them into ${foundationDirectory()}`,
    ...foundations.map(foundationLine),
    ...(foundations.length === 0 ? ["  none yet"] : []),
    "",
    `Published; \`epsam models pull NAME\` puts them into ${modelDirectory()}`,
    ...published.map((entry) => publishedText(entry, entry.stored)),
  ].join("\n");
  return {
    json: {
      models,
      backbones: backbones.map(backboneFacts),
      encoderStages: [stagesFacts()],
      foundations,
      directory: modelDirectory(),
      catalogue: published,
    },
    text,
  };
}

function embeddedText({ name, role, file, bytes, sha256 }: EmbeddedModel): string {
  return `  ${name}: ${role}\n    file    ${file}\n    size    ${formatBytes(bytes)}\n    SHA-256 ${sha256}`;
}

function backboneText(entry: BackboneEntry): string {
  return `  ${entry.name}: ${entry.title}\n    weights ${weightsText(entry)}`;
}

function foundationLine({ name, title, licence, micronsPerPixel }: FoundationModel): string {
  const resolution = micronsPerPixel === null ? "" : `, ${micronsPerPixel} µm per pixel`;
  return `  ${name}: ${title}${resolution}\n    licence ${licence}`;
}

const states: Readonly<Record<StoredModel["state"], string>> = {
  absent: "not here",
  partial: "partly here; pull goes on",
  unchecked: "here, not checked yet; pull checks it",
  checked: "here, checked",
};

function publishedText(entry: CatalogueEntry, { path, state }: StoredModel): string {
  const lines = [
    `${entry.name}: ${entry.title}`,
    `  state   ${states[state]}${state === "absent" ? "" : `: ${path}`}`,
    `  size    ${formatBytes(entry.bytes)}`,
    `  SHA-256 ${entry.sha256 ?? "published nowhere; the first download's is kept"}`,
    `  licence ${entry.licence}`,
    `  home    ${entry.home}`,
  ];
  return lines.map((line) => `  ${line}`).join("\n");
}
