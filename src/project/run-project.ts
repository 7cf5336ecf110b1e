import { copyFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { anyExists, exists, isTemporaryName, lockBeside, type Reporter } from "../common/index.js";
import { prepareDataset, prepareSlides } from "../dataset/index.js";
import type { DeviceSource } from "../graph/index.js";
import { type InferResult, type InferSlidesResult, inferImages, inferSlides } from "../inference/index.js";
import { writeRunReport } from "../report/index.js";
import { evaluationFolder, type RunEvaluation, readEvaluation } from "../run/index.js";
import { beginOrGoOn, type TrainedRun } from "../training/index.js";
import { claimDirectory } from "./claim.js";
import {
  chooseForSegmenting,
  type DatasetDescription,
  listProjectInputs,
  type ProjectInputs,
  readDescription,
} from "./left-over.js";
import { plannedWork } from "./planned-work.js";
import type { Project } from "./project.js";
import { ProjectLog } from "./project-log.js";
import { ProjectProgress } from "./project-progress.js";
import { asStep, inStep } from "./step-names.js";

export interface RunProjectOptions {
  readonly device: DeviceSource;
  /** Begins anew where a project is. */
  readonly overwrite?: boolean | undefined;
  /** Goes on with data of several magnifications. */
  readonly anyResolution?: boolean | undefined;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  readonly commandLine?: readonly string[] | undefined;
}

/** An input that a step left out, and why. */
export interface LeftOutInput {
  readonly step: "prepare" | "infer";
  readonly file: string;
  readonly reason: string;
}

/** Where everything is and what came out. */
export interface ProjectResult {
  readonly root: string;
  readonly dataset: string;
  readonly run: string;
  readonly report: string;
  readonly log: string;
  /** Null where nothing was to be segmented. */
  readonly results: string | null;
  readonly counts: DatasetDescription["counts"];
  /** Null without patches of the test split. */
  readonly evaluation: RunEvaluation | null;
  readonly slides: InferSlidesResult["slides"];
  readonly images: InferResult["images"];
  readonly skipped: readonly LeftOutInput[];
  /** What else the user should know of the dataset and the segmentation as a whole. */
  readonly warnings: readonly string[];
}

/** What a project's folder holds. */
export function projectPlaces(root: string) {
  return {
    dataset: join(root, "dataset"),
    run: join(root, "run"),
    results: join(root, "results"),
    report: join(root, "report.html"),
    log: join(root, "log.txt"),
  };
}

type Places = ReturnType<typeof projectPlaces>;

/**
 * Prepares, trains, evaluates and segments what is left over, in one folder. What is finished there is kept, so the same
 * call goes on after a kill, to the same result.
 * @throws EpSamError `usage` when the folder holds something else, or a project with other settings, and may not be
 *   replaced, or another process works in it; what the steps throw, with settings called as a project's file calls them
 */
export async function runProject(project: Project, options: RunProjectOptions): Promise<ProjectResult> {
  const { root } = project;
  const why = "two would mix their files";
  const unlock = await lockBeside(root, { tag: "usage", activity: "running the project in", why });
  try {
    await claim(project, options.overwrite ?? false);
    return await new ProjectWork(project, options).run();
  } finally {
    await unlock();
  }
}

/** What is segmented, and how, may change: results of other settings are made anew. */
async function claim(
  { root, infer: _, segment: __, ...settings }: Project,
  overwrite: boolean,
): Promise<void> {
  const entries = ["dataset", "dataset.partial", "run", "results", "report.html", "log.txt"];
  const isBegun = await anyExists(entries.slice(0, 3).map((entry) => join(root, entry)));
  await claimDirectory(root, {
    name: "project",
    settings,
    resume: "if-there",
    // Of a project whose inputs were refused nothing is there yet.
    overwrite: overwrite || !isBegun,
    advice: "Give the same settings to go on, choose another `out`, or begin anew with `overwrite: true`.",
    entries: entries.filter((entry) => overwrite || entry !== "log.txt"),
  });
  const left = (await readdir(root)).filter((name) => isTemporaryName(name));
  for (const name of left) await rm(join(root, name), { recursive: true, force: true });
}

/** One call of {@link runProject}. */
class ProjectWork {
  readonly #project: Project;
  readonly #options: RunProjectOptions;
  readonly #places: Places;
  readonly #log: ProjectLog;
  readonly #progress: ProjectProgress;

  constructor(project: Project, options: RunProjectOptions) {
    this.#project = project;
    this.#options = options;
    this.#places = projectPlaces(project.root);
    this.#progress = new ProjectProgress(options.reporter);
    this.#log = new ProjectLog(this.#places.log, this.#progress);
  }

  async run(): Promise<ProjectResult> {
    const { commandLine = [] } = this.#options;
    this.#log.write(`Begun: epsam ${commandLine.join(" ")}`);
    try {
      const result = await this.#steps();
      this.#log.write("Done.");
      return result;
    } catch (failure) {
      this.#log.write(`Ended: ${failure instanceof Error ? failure.message : String(failure)}`);
      throw failure;
    }
  }

  async #steps(): Promise<ProjectResult> {
    const { root } = this.#project;
    const { dataset, run, log } = this.#places;
    this.#progress.begin("prepare");
    await asStep("prepare", this.#log, (reporter) => this.#prepare(reporter));
    const description = await readDescription(dataset);
    const inputs = await listProjectInputs(this.#project);
    const chosen = chooseForSegmenting(inputs.paths, description, this.#project.segment);
    this.#progress.plan(plannedWork(this.#project, description, chosen.length));
    this.#progress.begin("train");
    const trained = await asStep("train", this.#log, (reporter) => this.#train(reporter));
    this.#progress.begin("segment");
    const segmented = await asStep("infer", this.#log, (reporter) => this.#segment(chosen, inputs, reporter));
    const report = await this.#report(trained);
    const leftOut = (step: LeftOutInput["step"], skipped: readonly { file: string; reason: string }[]) =>
      skipped.map(({ file, reason }) => ({ step, file, reason: inStep(step, reason) }));
    const evaluated = await readEvaluation(evaluationFolder(trained.run, trained.dataset), "test");
    return {
      root,
      dataset,
      run,
      report,
      log,
      results: segmented.slides.length + segmented.images.length > 0 ? this.#places.results : null,
      counts: description.counts,
      evaluation: evaluated?.evaluation ?? null,
      slides: segmented.slides,
      images: segmented.images,
      skipped: [...leftOut("prepare", description.skipped), ...leftOut("infer", segmented.skipped)],
      warnings: [...description.warnings, ...segmented.warnings],
    };
  }

  async #prepare(reporter: Reporter): Promise<void> {
    const { kind, inputs, annotations, masks, profile, prepare, seed } = this.#project;
    const { dataset } = this.#places;
    // A dataset appears as a whole, so one that is there is complete.
    if (await exists(dataset)) return reporter.note("prepare: done already");
    const { unannotated = "leave" } = prepare;
    const { anyResolution, signal } = this.#options;
    const common = { ...prepare, inputs, out: dataset, seed, anyResolution, reporter, signal };
    if (kind === "slides") {
      await prepareSlides({ ...common, annotations, unannotated, profile: profile ?? undefined });
    } else await prepareDataset({ ...common, masks: masks ?? undefined });
  }

  #train(reporter: Reporter): Promise<TrainedRun> {
    const { preset, config } = this.#project;
    const { device, anyResolution, signal, commandLine } = this.#options;
    const { dataset: data, run: out } = this.#places;
    return beginOrGoOn({ data, out, preset, config, device, anyResolution, reporter, signal, commandLine });
  }

  async #segment(
    inputs: readonly string[],
    { annotationOf, mppOf }: ProjectInputs,
    reporter: Reporter,
  ): Promise<Pick<InferSlidesResult, "slides" | "skipped" | "warnings"> & Pick<InferResult, "images">> {
    const { kind, infer, prepare } = this.#project;
    const { device, anyResolution, signal } = this.#options;
    const nothing = { slides: [], images: [], skipped: [], warnings: [] };
    if (inputs.length === 0) {
      reporter.note("Nothing is left over to segment: every input was learned from.");
      return nothing;
    }
    const { run, results: out } = this.#places;
    const replace = { resume: true, overwrite: true };
    const common = { ...infer, ...replace, inputs, run, out, device, anyResolution, reporter, signal };
    if (kind === "images") return { ...nothing, ...(await inferImages(common)) };
    const { groups } = prepare;
    return { ...nothing, ...(await inferSlides({ ...common, annotations: annotationOf, groups, mppOf })) };
  }

  /** The run's report, once more beside the results. */
  async #report(trained: TrainedRun): Promise<string> {
    const { report } = this.#places;
    await copyFile(await writeRunReport(trained, trained.dataset), report);
    return report;
  }
}
