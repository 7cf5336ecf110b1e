import { join } from "node:path";
import { EpSamError, exists } from "../common/index.js";
import { defaultOf, evaluationStage, preparationSettings, stageNames } from "../contract/index.js";
import { profiles, SPLITS, stemOf } from "../dataset/index.js";
import { RunDirectory } from "../run/index.js";
import { listProjectInputs } from "./left-over.js";
import type { Project } from "./project.js";
import { projectPlaces } from "./run-project.js";

/** What a project will do, before anything is computed. */
export interface ProjectPlan {
  readonly root: string;
  readonly prepare: {
    readonly kind: Project["kind"];
    readonly inputs: number;
    /** Slides with annotations, of the profile where one is given; every image. */
    readonly labelled: number;
    readonly patchSize: number;
    /** Microns per pixel or level of slides; null for images, which are taken as they are. */
    readonly resolution: { readonly mpp: number } | { readonly level: number } | null;
    readonly windows: { readonly size: number; readonly stride: number } | null;
    readonly split: readonly number[] | null;
    readonly done: boolean;
  };
  readonly train: {
    readonly preset: string;
    readonly classifierEpochs: number;
    readonly decoderEpochs: number;
    readonly rounds: number;
    /** Stages that are finished. */
    readonly done: readonly string[];
    readonly left: readonly string[];
  };
  readonly segment: { readonly which: Project["segment"]; readonly unlabelled: number };
}

/**
 * Looks at the inputs and at what is finished; nothing is written.
 * @throws EpSamError `usage` when an input or a folder of annotations does not exist, or there is nothing
 */
export async function planProject(project: Project): Promise<ProjectPlan> {
  const { root, kind, prepare, profile, preset, config, segment } = project;
  const places = projectPlaces(root);
  const { paths, annotationOf } = await listProjectInputs(project);
  const inProfile =
    profile === null ? null : new Set(SPLITS.flatMap((split) => profiles[profile].slides[split]));
  const isLabelled = (path: string): boolean =>
    kind === "images" ||
    ((annotationOf.has(path) || prepare.unannotated === "normal") &&
      inProfile?.has(stemOf(path).toLowerCase()) !== false);
  const labelled = paths.filter(isLabelled).length;
  const { patchSize = defaultOf(preparationSettings.shape.patchSize), mpp, level = 0, windows } = prepare;
  const stages = stageNames(config.rounds);
  const begun = await exists(join(places.run, "run.json"));
  const run = begun ? await RunDirectory.open(places.run) : null;
  const done = stages.filter((stage) => run?.isDone(stage) === true);
  const isTold = profile !== null || prepare.splitTable !== undefined;
  const split = isTold ? null : (prepare.split ?? defaultOf(preparationSettings.shape.split));
  if (split !== null && prepare.patients === undefined) requireEnough(labelled, split, kind);
  return {
    root,
    prepare: {
      kind,
      inputs: paths.length,
      labelled,
      patchSize,
      resolution: kind === "images" ? null : typeof mpp === "number" ? { mpp } : { level },
      windows:
        windows == null
          ? null
          : { size: windows.size, stride: windows.stride ?? Math.floor(windows.size / 2) },
      split,
      done: await exists(places.dataset),
    },
    train: {
      preset,
      classifierEpochs: config.classifier.epochs,
      decoderEpochs: config.decoder.epochs,
      rounds: config.rounds,
      done,
      left: stages.filter((stage) => stage !== evaluationStage && !done.includes(stage)),
    },
    segment: { which: segment, unlabelled: paths.length - labelled },
  };
}

/** Every split with a share needs a slide or image of its own; told before hours of preparing. */
function requireEnough(labelled: number, split: readonly number[], kind: Project["kind"]): void {
  const wanted = split.filter((share) => share > 0).length;
  if (labelled >= wanted) return;
  const things = kind === "slides" ? "slides with annotations" : "images";
  throw new EpSamError("usage", {
    where: "`split`",
    what: `cannot be ${split.join(",")} with ${labelled} ${things}`,
    why: "no patient may be in two of train, val and test, and training needs train and val",
    action: `Give ${wanted} ${things} or more${labelled === 2 ? ", or `split: 1,1,0`, which leaves nothing to evaluate on" : ""}.`,
  });
}
