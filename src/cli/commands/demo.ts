import { Command, Option } from "@commander-js/extra-typings";
import { type DemoResult, runDemo } from "../demo/run-demo.js";
import { demoSettings } from "../demo/settings.js";
import { deviceFor } from "../device-choice.js";
import { evaluationText } from "../evaluation-text.js";
import { deviceOption, jsonOption, outOption, overwriteOption } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam demo
  $ epsam demo --out somewhere
  $ epsam demo --resume                          go on after an interruption

Generates slides of H&E-like tissue with annotated tumour nests, makes a dataset, trains on its patch labels with a
shortened preset paper-small, evaluates every stage, segments a slide that nothing was trained on, and writes a report. It shows
that everything works here; figures on generated tissue say nothing about real slides.`;

/** `epsam demo`: the whole job on generated tissue, then a report. */
export function demoCommand() {
  return new Command("demo")
    .addOption(outOption("directory for everything the demo makes").default("epsam-demo"))
    .addOption(new Option("--resume", "go on with an interrupted demo"))
    .addOption(deviceOption())
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(({ out, resume, device, overwrite, json }) =>
      runCommand(
        { json, resumeHint: "Go on with the same command and --resume." },
        async ({ reporter, signal }) => {
          const start = performance.now();
          const result = await runDemo({
            out,
            settings: demoSettings,
            resume: resume ?? false,
            overwrite: overwrite ?? false,
            device: deviceFor(device, reporter),
            reporter,
            signal,
            commandLine: process.argv.slice(2),
          });
          return outcomeOf(result, (performance.now() - start) / 1000);
        },
      ),
    );
}

function outcomeOf(result: DemoResult, seconds: number): CommandOutcome {
  const { root, tissue, dataset, run, inference, report, evaluation, heldOut } = result;
  const places = [
    ["Generated slides", tissue],
    ["Dataset", dataset],
    ["Run", run],
    ["Segmented slide", inference],
    ["Report", report],
  ];
  const duration = `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return {
    json: { ...result, seconds },
    text: [
      `Demo in ${root}, ${duration}`,
      "",
      ...evaluationText(evaluation),
      "",
      `Slide of a patient unknown to training: Dice ${heldOut.dice.toFixed(3)}, IoU ${heldOut.iou.toFixed(3)} against its annotation`,
      "",
      ...places.map(([name = "", place = ""]) => `${name.padEnd(18)}${place}`),
      "",
      "Open the report in a browser.",
    ].join("\n"),
  };
}
