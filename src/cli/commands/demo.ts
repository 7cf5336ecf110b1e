import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { DemoProgress } from "../demo/demo-progress.js";
import { type DemoResult, runDemo } from "../demo/run-demo.js";
import { DEMO_PRESET, demoSettings, demoSteps, tissueDemoSettings } from "../demo/settings.js";
import { deviceFor } from "../device-choice.js";
import { evaluationText } from "../evaluation-text.js";
import {
  deviceOption,
  jsonOption,
  outOption,
  overwriteOption,
  seedOption,
  shownCommandLine,
} from "../options.js";
import { clock } from "../progress-line.js";
import { quoted } from "../quoted.js";
import { type CommandOutcome, resumeHintOf, runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam demo
  $ epsam demo --out somewhere
  $ epsam demo --tissue                          the same on real tissue
  $ epsam demo --seed 1 --out another             other tissue, other weights
  $ epsam demo --resume                          go on after an interruption

Generates slides of H&E-like tissue with annotated tumour nests, makes a dataset, trains on the labels of its windows with a
shortened preset ${DEMO_PRESET}, evaluates every stage, segments a slide that nothing was trained on, and writes a report. It
shows that everything works here; figures on generated tissue say nothing about real slides. With --tissue it learns
from one region of a breast cancer and segments that of another patient: real figures, of two regions.`;

/** `epsam demo`: the whole job on generated tissue, then a report. */
export function demoCommand() {
  return new Command("demo")
    .addOption(outOption("directory for everything the demo makes").default("epsam-demo"))
    .option("--resume", "go on with an interrupted demo")
    .option(
      "--tissue",
      "learn from a real region of breast cancer and segment another, in a clone of the repository",
    )
    .addOption(seedOption().default(0))
    .addOption(deviceOption())
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(({ out, resume, tissue, seed, device, overwrite, json }) =>
      runCommand({ json, resumeHint: resumeHintOf(join(out, "demo.json")) }, async ({ reporter, signal }) => {
        const start = performance.now();
        const result = await runDemo({
          out,
          settings: { ...(tissue ? tissueDemoSettings : demoSettings), seed },
          resume: resume ?? false,
          overwrite: overwrite ?? false,
          device: deviceFor(device, reporter),
          reporter: new DemoProgress(reporter, demoSteps),
          signal,
          commandLine: shownCommandLine(),
        });
        return outcomeOf(result, (performance.now() - start) / 1000);
      }),
    );
}

function outcomeOf(result: DemoResult, seconds: number): CommandOutcome {
  const { root, tissue, dataset, run, inference, report, evaluation, heldOut, look } = result;
  const places = [
    ["Slides", tissue],
    ["Dataset", dataset],
    ["Run", run],
    ["Segmented slide", inference],
    ["Report", report],
  ];
  const { activationMap, dice, iou } = heldOut;
  return {
    json: { ...result, seconds },
    text: [
      `Demo in ${root}, ${clock(seconds)}`,
      "",
      ...(evaluation === null ? [] : [...evaluationText(evaluation), ""]),
      ...places.map(([name = "", place = ""]) => `${name.padEnd(18)}${place}`),
      "",
      `Learned   to outline tumour from labels of windows alone. The slide of a patient unknown to training, against its annotation: Dice ${dice.toFixed(3)}, IoU ${iou.toFixed(3)}; the activation map alone ${activationMap.dice.toFixed(3)}, ${activationMap.iou.toFixed(3)}.`,
      `Look      npx epsam view ${look.map(quoted).join(" ")}`,
      "Your own  npx epsam run SLIDES --annotations FOLDER --out PROJECT",
    ].join("\n"),
  };
}
