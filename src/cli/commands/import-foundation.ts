import { Option } from "@commander-js/extra-typings";
import { z } from "zod";
import { type DeviceRequest, startDevice } from "../../graph/index.js";
import {
  describeTransformer,
  type FoundationFacts,
  type FoundationModel,
  importFoundation,
  knownModels,
  LARGEST_MODEL_SIDE,
} from "../../models/index.js";
import { deviceFor } from "../device-choice.js";
import { numberSetting, numbersSetting, wholeNumber } from "../options.js";
import type { ActionContext, CommandOutcome } from "../run-command.js";
import { leftOutText } from "./left-out-text.js";

const threeColours = numbersSetting(
  z.array(z.number()).length(3, "Give three numbers, such as 0.485,0.456,0.406."),
);

/** Options of `epsam models import` about foundation models. */
export const foundationOptions = {
  model: () =>
    new Option(
      "--model <name>",
      `which foundation model it is: ${knownModels.map(({ name }) => name).join(", ")}, or other`,
    ),
  name: () =>
    new Option("--name <name>", "name of the foundation model in configurations (default: the model's)"),
  mean: () =>
    new Option("--mean <numbers>", "mean of red, green and blue, from 0 to 1").argParser(threeColours),
  deviation: () => new Option("--deviation <numbers>", "their deviation").argParser(threeColours),
  micronsPerPixel: () =>
    new Option("--microns-per-pixel <number>", "at which tissue is shown to the model").argParser(
      numberSetting(z.number().positive()),
    ),
  size: () =>
    new Option("--size <pixels>", "side of the images that the model was made for").argParser(
      wholeNumber(1, LARGEST_MODEL_SIDE),
    ),
  heads: () => new Option("--heads <count>", "heads of its attention").argParser(wholeNumber(1, 256)),
  blocks: () =>
    new Option(
      "--blocks <numbers>",
      "blocks whose tokens are the features, from 0 (default: the last)",
    ).argParser(numbersSetting(z.array(z.int().min(0)).min(1))),
  largePatches: () =>
    new Option(
      "--large-patches <how>",
      "patches larger than the model's images: overlapping crops (default), or whole",
    ).choices(["crops", "whole"] as const),
  licence: () => new Option("--licence <text>", "licence of the model, kept in run.json"),
  acceptLicence: () =>
    new Option("--accept-licence", "you have read the licence of the model's card and accept it"),
} as const;

interface FoundationOptions extends FoundationFacts, ActionContext {
  readonly key?: string | undefined;
  readonly device: DeviceRequest;
  readonly overwrite?: true | undefined;
}

export async function foundation(file: string, options: FoundationOptions): Promise<CommandOutcome> {
  const { reporter, device, overwrite = false } = options;
  const imported = await importFoundation(file, {
    ...options,
    overwrite,
    device: await startDevice(deviceFor(device, reporter)),
  });
  const { model, known, home, parameters, leftOut } = imported;
  const { name } = model;
  const lines = [
    ...foundationText(model),
    ...(home === null ? [] : [`  card ${home}; if it is another model, import it with --model`]),
    ...leftOutText(leftOut),
    `Next: epsam train --data DATASET --out RUN --backbone ${name}`,
  ];
  return { json: { ...model, known, home, parameters, leftOut }, text: lines.join("\n") };
}

/** What is known of a foundation model, line by line. */
export function foundationText(model: FoundationModel): string[] {
  const { name, title, transformer, size, stride, channels, mean, deviation, micronsPerPixel, licence } =
    model;
  return [
    `${name}: ${title}`,
    ...(transformer === undefined ? [] : [`  ${describeTransformer(transformer)}`]),
    `  images of ${size} pixels, a feature of ${channels} channels for every ${stride} pixels`,
    `  mean ${mean.join(", ")}; deviation ${deviation.join(", ")}`,
    `  microns per pixel ${micronsPerPixel ?? "not told: patches are shown as they are"}`,
    `  licence ${licence}${model.licenceAccepted ? " (accepted)" : ""}`,
  ];
}
