import { rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { readAnnotations } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import type { Problem, TakenIn } from "../../contract/index.js";
import { matchAnnotationFiles } from "../../dataset/index.js";
import { openSlide } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import { annotationFile } from "../layers/annotation-layers.js";
import { problemOf } from "../problem.js";
import { resultsWithoutSlide } from "../results/find-results.js";
import { addInput } from "../workspace/recognise.js";
import { Workspace, type WorkspaceSlide } from "../workspace/workspace.js";
import { addReceived } from "./received-folder.js";
import type { Receiving } from "./receiving.js";

/** What a drop holds. */
interface Found {
  readonly workspace: Workspace;
  readonly annotations: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Takes a drop that has arrived into the workspace. What cannot be used is refused by name and deleted, the rest is
 * taken: slides of any format with their folders, annotation files of slides that are here, datasets, runs and results.
 * @throws EpSamError `usage` when something is missing, `storage`
 */
export async function takeIn(context: ServerContext, receiving: Receiving, id: string): Promise<TakenIn> {
  const folder = receiving.complete(id);
  const found = await lookThrough(folder);
  const refused: Problem[] = [];
  const refuse = async (path: string, failure: unknown): Promise<void> => {
    refused.push({ ...problemOf(failure), where: basename(path) });
    await rm(path, { recursive: true, force: true });
  };
  const slides: WorkspaceSlide[] = [];
  for (const slide of found.workspace.slides) {
    try {
      await requireNew(context.workspace, slide);
      await (await openSlide(slide.path)).close();
      slides.push(slide);
    } catch (failure) {
      await refuse(slide.path, failure);
    }
  }
  const annotations: string[] = [];
  for (const path of found.annotations) {
    try {
      await requireUse(context, slides, path);
      annotations.push(basename(path));
    } catch (failure) {
      await refuse(path, failure);
    }
  }
  const { datasets, runs, results } = found.workspace;
  const others = [
    ...annotations.map((name) => `the annotations ${name}`),
    ...datasets.map(({ name }) => `the dataset ${name}`),
    ...runs.map(({ name }) => `the run ${name}`),
    ...results.map((root) => `the results ${basename(root)}`),
  ];
  const notes = [...found.notes, ...(await notesOnResults(context.workspace, slides, results))];
  if (slides.length + others.length === 0) {
    await receiving.drop(id);
    return { slides: [], others, refused: refused.length > 0 ? refused : [NOTHING], notes };
  }
  const known = new Set(context.workspace.slides.map((slide) => slide.id));
  await addReceived(context.workspace, await receiving.keep(id));
  context.events.publish({ event: "workspace", data: {} });
  const added = context.workspace.slides.filter((slide) => !known.has(slide.id));
  return {
    slides: added.map((slide) => ({ id: slide.id, name: context.workspace.labelOf(slide) })),
    others,
    refused,
    notes,
  };
}

async function lookThrough(folder: string): Promise<Found> {
  const workspace = new Workspace();
  const annotations: string[] = [];
  const notes: string[] = [];
  const note = (message: string): void => {
    notes.push(problemOf(new EpSamError("usage", { what: message })).what);
  };
  await addInput(workspace, folder, {
    warn: note,
    note,
    foundAnnotations: (files) => annotations.push(...files),
  });
  return { workspace, annotations, notes };
}

/** @throws EpSamError `usage` for a slide that is here already, by name and bytes */
async function requireNew(workspace: Workspace, { name, path }: WorkspaceSlide): Promise<void> {
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
  if (isOfDrop || (await annotationFile(context, slide)) === null) return;
  throw new EpSamError("usage", {
    what: `${context.workspace.labelOf(slide)} has an annotation file already, which is not replaced`,
    action: "Open the slide and import it under Annotations: its outlines come in as objects.",
  });
}

async function notesOnResults(
  workspace: Workspace,
  slides: readonly WorkspaceSlide[],
  results: readonly string[],
): Promise<string[]> {
  const both = new Workspace();
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
