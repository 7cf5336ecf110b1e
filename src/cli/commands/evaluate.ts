import { Command, Option } from "@commander-js/extra-typings";
import { evaluationStage, stageNames } from "../../contract/index.js";
import { openDataset, SPLITS } from "../../dataset/index.js";
import { device as defaultDevice } from "../../graph/index.js";
import { writeRunReport } from "../../report/index.js";
import { evaluationFiles, evaluationFolder, openRun, type RunContext } from "../../run/index.js";
import { evaluateSplit } from "../../training/index.js";
import { deviceFor } from "../device-choice.js";
import { evaluationText } from "../evaluation-text.js";
import { anyResolutionOption, deviceOption, jsonOption, outOption, path } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam evaluate --run run --data dataset                 the test split, every stage
  $ epsam evaluate --run run --data dataset --split val --json

The patches may be larger or smaller than those of training when they have the same magnification. Figures, a
table of patches and the predicted masks go to evaluation/ in the run, for other data than those of training to a
folder below it.`;

/** `epsam evaluate`: figures of every stage of a run on a split, with confidence intervals. */
export function evaluateCommand() {
  return new Command("evaluate")
    .requiredOption("--run <run>", "run directory from `epsam train`", path)
    .requiredOption("--data <dataset>", "dataset directory from `epsam prepare`", path)
    .addOption(new Option("--split <name>", "which patches").choices(SPLITS).default("test" as const))
    .addOption(outOption("folder for the figures and masks (default: evaluation in the run)"))
    .addOption(anyResolutionOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(({ run, data, split, out, anyResolution, device, json }) =>
      runCommand({ json }, async ({ reporter, signal }): Promise<CommandOutcome> => {
        const begun = await openRun(run, { device: defaultDevice(), reporter, signal });
        const dataset = await openDataset(data, { warn: (message) => reporter.warn(message) });
        warnOfUnfinished(begun);
        const folder = out ?? evaluationFolder(begun.run, dataset);
        const start = deviceFor(device, reporter);
        const evaluation = await evaluateSplit(begun, dataset, split, folder, {
          anyResolution,
          device: start,
        });
        const context = { ...begun, device: await start() };
        const isOwnData = dataset.hash === context.run.record.dataset.hash;
        const report = isOwnData && out === undefined ? await writeRunReport(context, dataset) : null;
        const { figures, patches } = evaluationFiles(folder, split);
        return {
          status: (evaluation.skipped ?? []).length > 0 ? "someSkipped" : "done",
          json: { ...evaluation, files: { figures, patches, report } },
          text: [
            ...evaluationText(evaluation),
            ...(evaluation.skipped ?? []).map(({ file, reason }) => `  skipped  ${file}: ${reason}`),
            "",
            `Patch by patch: ${patches}`,
            `The same figures as JSON: ${figures}`,
            ...(report === null ? [] : [`Report: ${report}`]),
          ].join("\n"),
        };
      }),
    );
}

/** Says which stages the figures will lack. */
function warnOfUnfinished({ run, config, reporter }: RunContext): void {
  const names = stageNames(config.rounds).filter((stage) => stage !== evaluationStage && !run.isDone(stage));
  if (names.length > 0) {
    reporter.warn(`${run.root}: not trained yet: ${names.join(", ")}; the figures will lack them.`);
  }
}
