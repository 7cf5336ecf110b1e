import { rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { readAnnotations } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import type { Problem, TakenIn } from "../../contract/index.js";
import { isImage, isSlide, judgeFilesByContent, matchAnnotationFiles } from "../../dataset/index.js";
import { openSlide } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import { annotationFile } from "../layers/annotation-layers.js";
import { problemOf } from "../problem.js";
import { resultsWithoutSlide } from "../results/find-results.js";
import { addInput } from "../workspace/recognise.js";
import { OpenWorkspace, type WorkspaceSlide } from "../workspace/workspace.js";
import { addReceived } from "./received-folder.js";
import type { Receiving } from "./receiving.js";

/** What a drop, or a file or folder that was named, holds. */
interface Found {
  readonly workspace: OpenWorkspace;
  readonly annotations: readonly string[];
  readonly notes: readonly string[];
}

/** What of it can be used, and what is refused. */
interface Chosen extends Pick<OpenWorkspace, "datasets" | "runs" | "results"> {
  readonly slides: readonly WorkspaceSlide[];
  readonly annotations: readonly string[];
  readonly refused: readonly { readonly path: string; readonly problem: Problem }[];
  readonly notes: readonly string[];
  /** Slides that the workspace has, from the same place. */
  readonly here: number;
  /** Whether there is anything to be added. */
  readonly isSomething: boolean;
}

/**
 * Takes a drop that has arrived into the workspace. What cannot be used is refused by name and deleted, the rest is
 * taken: slides of any format with their folders, annotation files of slides that are here, datasets, runs and results.
 * @throws EpSamError `usage` when something is missing, `storage`
 */
export async function takeIn(context: ServerContext, receiving: Receiving, id: string): Promise<TakenIn> {
  const folder = receiving.complete(id);
  const chosen = await chooseOf(context, await lookThrough(folder));
  for (const { path } of chosen.refused) await rm(path, { recursive: true, force: true });
  if (!chosen.isSomething) {
    await receiving.drop(id);
    return takenOf(context.workspace, chosen, []);
  }
  const known = new Set(context.workspace.slides.map((slide) => slide.id));
  await addReceived(context.workspace, await receiving.keep(id));
  context.events.publish({ event: "workspace", data: {} });
  const added = context.workspace.slides.filter((slide) => !known.has(slide.id));
  return takenOf(context.workspace, chosen, added);
}

/** Which of what was found is new and can be opened. */
export async function chooseOf(context: ServerContext, found: Found): Promise<Chosen> {
  const refused: { path: string; problem: Problem }[] = [];
  const refuse = (path: string, failure: unknown): void => {
    refused.push({ path, problem: { ...problemOf(failure), where: basename(path) } });
  };
  const isKnown = (entry: { readonly id: string }, among: readonly { readonly id: string }[]) =>
    among.some(({ id }) => id === entry.id);
  const slides: WorkspaceSlide[] = [];
  let here = 0;
  for (const slide of found.workspace.slides) {
    if (isKnown(slide, context.workspace.slides)) {
      here += 1;
      continue;
    }
    try {
      await requireNew(context.workspace, slide);
      await (await openSlide(slide.path)).close();
      slides.push(slide);
    } catch (failure) {
      refuse(slide.path, failure);
    }
  }
  const annotations: string[] = [];
  for (const path of found.annotations) {
    try {
      await requireUse(context, slides, path);
      annotations.push(path);
    } catch (failure) {
      refuse(path, failure);
    }
  }
  const datasets = found.workspace.datasets.filter((one) => !isKnown(one, context.workspace.datasets));
  const runs = found.workspace.runs.filter((one) => !isKnown(one, context.workspace.runs));
  const results = found.workspace.results.filter((root) => !context.workspace.results.includes(root));
  const notes = [...found.notes, ...(await notesOnResults(context.workspace, slides, results))];
  if (here > 0) notes.push(`${here} ${here === 1 ? "slide is" : "slides are"} here already.`);
  const isSomething = [slides, annotations, datasets, runs, results].some(({ length }) => length > 0);
  return { slides, annotations, datasets, runs, results, refused, notes, here, isSomething };
}

/** What the page is told. @param added slides that are in the workspace now */
export function takenOf(
  workspace: OpenWorkspace,
  { annotations, datasets, runs, results, refused, notes, here, isSomething }: Chosen,
  added: readonly WorkspaceSlide[],
): TakenIn {
  const problems = refused.map(({ problem }) => problem);
  return {
    slides: added.map((slide) => ({ id: slide.id, name: workspace.labelOf(slide) })),
    others: [
      ...annotations.map((path) => `the annotations ${basename(path)}`),
      ...datasets.map(({ name }) => `the dataset ${name}`),
      ...runs.map(({ name }) => `the run ${name}`),
      ...results.map((root) => `the results ${basename(root)}`),
    ],
    refused: isSomething || problems.length > 0 || here > 0 ? problems : [NOTHING],
    notes,
  };
}

/** @param path of a file or folder, symbolic links resolved */
export async function lookThrough(path: string): Promise<Found> {
  const workspace = new OpenWorkspace();
  const annotations: string[] = [];
  const notes: string[] = [];
  const note = (message: string): void => {
    notes.push(problemOf(new EpSamError("usage", { what: message })).what);
  };
  if ((await stat(path)).isDirectory()) {
    await addInput(workspace, path, {
      warn: note,
      note,
      foundAnnotations: (files) => annotations.push(...files),
    });
  } else {
    for (const { kind } of await judgeFilesByContent([path])) {
      if (kind === "annotation") annotations.push(path);
      else if (isSlide(kind) || isImage(kind) || kind === "dicom") workspace.addSlide(path);
    }
  }
  return { workspace, annotations, notes };
}

/** @throws EpSamError `usage` for a slide that is here already, by name and bytes */
async function requireNew(workspace: OpenWorkspace, { name, path }: WorkspaceSlide): Promise<void> {
  const { size } = await stat(path);
  for (const other of workspace.slides.filter((slide) => slide.name === name)) {
    const bytes = await stat(other.path).then(
      (file) => file.size,
      () => null,
    );
    if (bytes === size) throw new EpSamError("usage", { where: name, what: "is here already" });
  }
}

/**
 * @param slides of the same drop
 * @throws EpSamError `annotation` for a file that cannot be read, `usage` for one of no slide, or of one that has one
 */
async function requireUse(
  context: ServerContext,
  slides: readonly WorkspaceSlide[],
  path: string,
): Promise<void> {
  const all = [...slides, ...context.workspace.slides];
  const { ofSlides } = matchAnnotationFiles(
    all.map((slide) => slide.path),
    [path],
  );
  const [of] = ofSlides.keys();
  const slide = all.find((one) => one.path === of);
  if (slide === undefined) {
    throw new EpSamError("usage", {
      what: "belongs to no slide that is here",
      why: "annotation files are known by the name of their slide",
      action: "Rename it like its slide; or open the slide and import it under Annotations.",
    });
  }
  await readAnnotations(path);
  const isOfDrop = slides.includes(slide);
  if (isOfDrop) return;
  const present = await annotationFile(context, slide);
  // It may lie beside its slide, and be in use already.
  if (present === null || present === path) return;
  throw new EpSamError("usage", {
    what: `${context.workspace.labelOf(slide)} has an annotation file already, which is not replaced`,
    action: "Open the slide and import it under Annotations: its outlines come in as objects.",
  });
}

async function notesOnResults(
  workspace: OpenWorkspace,
  slides: readonly WorkspaceSlide[],
  results: readonly string[],
): Promise<string[]> {
  const both = new OpenWorkspace();
  for (const { path } of [...workspace.slides, ...slides]) both.addSlide(path);
  for (const root of results) both.addResults(root);
  const missing = await resultsWithoutSlide(both);
  return missing.map(
    (name) => `Results of ${name}: no slide of that name is here yet; they are kept for it.`,
  );
}

const NOTHING: Problem = {
  tag: "usage",
  what: "there is no slide, annotation, dataset, run or result in it",
  where: null,
  why: null,
  action: "Files are known by their ending: docs/formats.md lists them.",
};
