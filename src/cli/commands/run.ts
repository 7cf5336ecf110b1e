import { Command, Option } from "@commander-js/extra-typings";
import { preparationSettings, presetSetting, profileSetting } from "../../contract/index.js";
import {
  type Project,
  type ProjectSettings,
  planProject,
  projectSettings,
  readProjectFile,
  resolveProject,
  runProject,
} from "../../project/index.js";
import { deviceFor } from "../device-choice.js";
import {
  anyResolutionOption,
  cacheGigabytesOption,
  deviceOption,
  inputs,
  jsonOption,
  numbersSetting,
  outOption,
  overwriteOption,
  path,
  paths,
  seedOption,
  shownCommandLine,
} from "../options.js";
import { outcomeWithSkipped, runCommand } from "../run-command.js";
import { prepareOptions } from "./prepare-options.js";
import { describePlan, describeProject } from "./run-text.js";

const HELP = `
Examples:
  $ epsam run slides --annotations xml --out project
  $ epsam run CAMELYON16/images --annotations CAMELYON16/annotations --profile camelyon16 --out project
  $ epsam run images --masks masks --out project
  $ epsam run patches --out project                 patches named <id>_0.png and <id>_1.png, or with a labels.csv
  $ epsam run --config project.yaml                 every setting of every step, in one file
  $ epsam run --config project.yaml --dry-run       what would be done

Prepares a dataset, trains, evaluates on its test split, and segments what nothing was learned from: slides without
annotations, and those of the test split. The same command goes on after an interruption, to the same result. The preset
is laptop, with --profile paper. With laptop and best, slides are read at 0.5 µm per pixel and windows of 112 pixels get
labels, unless told otherwise. Options go before what the file says. The project folder holds dataset/, run/, results/,
report.html, log.txt and project.json. Inputs that cannot be used are left out and named; the exit code is then 3.`;

/** `epsam run`: everything from slides to segmentations, in one project folder. */
export function runProjectCommand() {
  return new Command("run")
    .argument("[inputs...]", "slides, images or ready patches: files and folders", inputs)
    .option("--annotations <folder...>", "slides: ASAP XML, GeoJSON or Camelyon JSON, named like them", paths)
    .option("--masks <folder>", "images: masks, named like them", path)
    .addOption(outOption("the project folder to make, or to go on with"))
    .option("--config <file>", "YAML or JSON file with settings of every step, see docs/formats.md", path)
    .addOption(
      new Option(
        "--profile <name>",
        "slides: the authors' slides, splits, numbers of patches and order of steps",
      ).choices(profileSetting.options),
    )
    .addOption(
      new Option("--preset <name>", "of training (default: laptop; with --profile: paper)").choices(
        presetSetting.options,
      ),
    )
    .addOption(prepareOptions.mpp)
    .option(
      "--split <train,val,test>",
      "shares of the patients, or their numbers (default: 70,10,20)",
      numbersSetting(preparationSettings.shape.split),
    )
    .addOption(seedOption())
    .option("--dry-run", "print what would be done, and stop")
    .addOption(deviceOption())
    .addOption(anyResolutionOption())
    .addOption(overwriteOption())
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, options) =>
      runCommand({ ...options, resumeHint: "Go on with the same command." }, async ({ reporter, signal }) => {
        const start = performance.now();
        const project = await projectOf({ ...options, ...(inputs.length === 0 ? {} : { inputs }) });
        const plan = await planProject(project);
        const planned = describePlan(plan);
        if (options.dryRun) return { json: { plan, project }, text: planned };
        reporter.note(planned);
        const result = await runProject(project, {
          device: deviceFor(options.device, reporter),
          overwrite: options.overwrite ?? false,
          anyResolution: options.anyResolution,
          reporter,
          signal,
          commandLine: shownCommandLine(),
        });
        const seconds = (performance.now() - start) / 1000;
        return outcomeWithSkipped(result, describeProject(result, project, seconds));
      }),
    );
}

interface RunChoice extends Omit<ProjectSettings, "prepare" | "train" | "infer" | "segment"> {
  readonly config?: string | undefined;
  readonly mpp?: number | null | undefined;
  readonly split?: NonNullable<ProjectSettings["prepare"]>["split"];
}

/** What the file says, and the command line above it. */
async function projectOf({ config, mpp, split, ...choice }: RunChoice): Promise<Project> {
  const { inputs, annotations, masks, out, profile, preset, seed } = choice;
  const given = withoutUndefined({
    inputs,
    annotations,
    masks,
    out,
    profile,
    preset,
    seed,
    prepare: withoutUndefined({ mpp, split }),
  });
  const flags = projectSettings.parse(given);
  if (config === undefined) return resolveProject(flags);
  const { settings, file } = await readProjectFile(config);
  return resolveProject({ ...settings, ...flags, prepare: { ...settings.prepare, ...flags.prepare } }, file);
}

/** Without the options that were not given. */
function withoutUndefined(settings: object): object {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
