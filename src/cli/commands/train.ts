import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { stringify } from "yaml";
import { EpSamError } from "../../common/index.js";
import { writeRunReport } from "../../report/index.js";
import { compareWithOrigin, type RunContext, RunDirectory, requireMoreThanSquares } from "../../run/index.js";
import { retrainWithCorrections, train } from "../../training/index.js";
import { deviceFor } from "../device-choice.js";
import {
  anyResolutionOption,
  deviceOption,
  jsonOption,
  outOption,
  overwriteOption,
  path,
  seedOption,
  shownCommandLine,
} from "../options.js";
import { type ActionContext, type CommandOutcome, resumeHintOf, runCommand } from "../run-command.js";
import { flagOf } from "../setting-flags.js";
import { describeComparison } from "./train-text.js";
import {
  backboneOption,
  type ConfigChoice,
  classifierDataOption,
  configOption,
  dataOption,
  effectiveConfig,
  presetOption,
  required,
} from "./training-config.js";

const HELP = `
Examples:
  $ epsam train --data dataset --out run --preset laptop
  $ epsam train --data dataset --out run --backbone uni2-h,efficientnet-lite0   with an imported foundation model
  $ epsam train --data dataset --out run --resume            go on after an interruption
  $ epsam train --preset paper --print-config > config.yaml  every value, to change and pass with --config
  $ epsam train --data dataset --out run --resume --stage evaluation
  $ epsam train --from-run run --config other.yaml --out run-2          keep the classifier, change what comes after
  $ epsam train --from-run run --corrections corrected --out better      one more round, with corrected masks
  $ epsam train --from-run taught --data dataset --out run        begins with the head that squares have taught

Stages: classifier, initial-masks, preliminary, round-1 to round-3, evaluation.
Pixel masks of training patches are never read; those of the validation split choose the best epoch when they
exist (decoder.validation), those of the test split are for the figures. Corrected masks are made by
\`epsam prepare --from-annotations\`; the round learns from them beside the run's own pseudo-labels.`;

/** `epsam train`: the whole method, from weak labels to a fine-tuned segmenter. */
export function trainCommand() {
  return new Command("train")
    .addOption(dataOption())
    .addOption(classifierDataOption())
    .option(
      "--from-run <run>",
      "a run whose classifier is kept, its data too: train the rest with another --config, or one round with --corrections; of a run of squares, the head that training begins with, on the --data",
      path,
    )
    .option("--corrections <dataset>", "dataset of corrected patches, for --from-run", path)
    .addOption(outOption("the run directory to make or, with --resume, to go on with"))
    .addOption(presetOption())
    .addOption(configOption())
    .addOption(backboneOption())
    .addOption(seedOption())
    .option("--stage <names...>", "run these stages only")
    .option("--resume", "go on with an interrupted run")
    .option("--print-config", "print the effective configuration as YAML and stop")
    .addOption(deviceOption())
    .addOption(anyResolutionOption())
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) =>
      runCommand(
        { ...options, resumeHint: resumeHintOf(join(options.out ?? "", "run.json")) },
        async (context) => {
          if (options.corrections !== undefined) return retrain(options, context);
          const { config, preset, keptFrom } = await effectiveConfig(options);
          if (options.printConfig) return { json: config, text: stringify(config).trimEnd() };
          const result = await train({
            data: options.data ?? (await dataOf(options.fromRun)),
            classifierData: classifierDataOf({ ...options, fromRun: keptFrom }),
            from: keptFrom,
            out: required(options.out, "--out"),
            preset,
            config,
            stages: options.stage,
            resume: options.resume ?? false,
            overwrite: options.overwrite ?? false,
            anyResolution: options.anyResolution,
            device: deviceFor(options.device, context.reporter),
            reporter: context.reporter,
            signal: context.signal,
            commandLine: shownCommandLine(),
          });
          return outcomeOf(result, await writeRunReport(result, result.dataset));
        },
      ),
    );
}

interface RetrainChoice extends ConfigChoice {
  readonly data?: string | undefined;
  readonly corrections?: string | undefined;
  readonly classifierData?: string | undefined;
  readonly stage?: readonly string[] | undefined;
  readonly printConfig?: true | undefined;
  readonly overwrite?: true | undefined;
  readonly anyResolution?: true | undefined;
  readonly device: Parameters<typeof deviceFor>[0];
}

/** Options of training that have no meaning for a round with corrections, which keeps the values of its run. */
const TRAINING_ALONE = [
  "classifierData",
  "preset",
  "config",
  "stage",
  "printConfig",
  "overwrite",
] as const satisfies readonly (keyof RetrainChoice)[];

async function retrain(options: RetrainChoice, context: ActionContext): Promise<CommandOutcome> {
  const other = TRAINING_ALONE.find((name) => name in options);
  if (other !== undefined) {
    const action = "Leave it out: the round keeps the values of the run it goes on from.";
    throw new EpSamError("usage", { where: flagOf(other), what: "does not go with --corrections", action });
  }
  const result = await retrainWithCorrections({
    from: required(options.fromRun, "--from-run"),
    corrections: required(options.corrections, "--corrections"),
    data: options.data,
    out: required(options.out, "--out"),
    seed: options.seed,
    resume: options.resume ?? false,
    anyResolution: options.anyResolution,
    device: deviceFor(options.device, context.reporter),
    reporter: context.reporter,
    signal: context.signal,
    commandLine: shownCommandLine(),
  });
  const outcome = outcomeOf(result, await writeRunReport(result, result.dataset));
  const comparison = await compareWithOrigin(result.run);
  return {
    json: { ...outcome.json, comparison },
    text: [outcome.text, ...(comparison === null ? [] : describeComparison(comparison))].join("\n"),
  };
}

/** The dataset of a run to go on from, where none is named. */
async function dataOf(fromRun: string | undefined): Promise<string> {
  if (fromRun !== undefined) {
    const run = await RunDirectory.open(fromRun);
    requireMoreThanSquares({ run });
    return run.record.dataset.root;
  }
  return required(undefined, "--data");
}

function classifierDataOf({
  classifierData,
  fromRun,
}: Pick<RetrainChoice, "classifierData" | "fromRun">): string | undefined {
  if (classifierData === undefined || fromRun === undefined) return classifierData;
  const action = "Leave it out: the classifier is that of the run.";
  const where = flagOf("classifierData");
  throw new EpSamError("usage", { where, what: "does not go with --from-run", action });
}

function outcomeOf({ run }: RunContext, report: string): CommandOutcome & { readonly json: object } {
  const stages = Object.entries(run.record.stages);
  const lines = stages.map(
    ([name, { state, seconds }]) => `  ${name.padEnd(14)} ${state.padEnd(8)} ${seconds.toFixed(0)} s`,
  );
  return {
    json: { run: run.root, report, stages: run.record.stages },
    text: [
      `Run in ${run.root}`,
      ...lines,
      `Report: ${report}`,
      `Next: epsam infer IMAGES --run ${run.root} --out DIR`,
    ].join("\n"),
  };
}
