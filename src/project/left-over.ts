import { basename, join } from "node:path";
import { z } from "zod";
import { EpSamError, readJson } from "../common/index.js";
import {
  contentOfTiff,
  DESCRIPTION_FILE,
  findInputs,
  listInputs,
  listSlides,
  matchAnnotations,
  noSlides,
  readMppTable,
  SPLITS,
} from "../dataset/index.js";
import type { MicronsPerPixel } from "../slides/index.js";
import type { Project } from "./project.js";

const splitCounts = z.object({ positive: z.number(), negative: z.number() });
const descriptionSchema = z.object({
  counts: z.object({ train: splitCounts, val: splitCounts, test: splitCounts }),
  skipped: z.array(z.object({ file: z.string(), reason: z.string() })),
  warnings: z.array(z.string()).default([]),
  sources: z.array(
    z.object({
      slide: z.string().optional(),
      image: z.string().optional(),
      split: z.enum(SPLITS).nullable(),
      patches: z.number(),
      latticePatches: z.number().default(0),
      withoutTissue: z.number().default(0),
    }),
  ),
});

/** What `dataset.json` tells of how a dataset was made. */
export type DatasetDescription = z.output<typeof descriptionSchema>;

/** @throws EpSamError `dataset` when it cannot be understood */
export function readDescription(dataset: string): Promise<DatasetDescription> {
  return readJson(join(dataset, DESCRIPTION_FILE), descriptionSchema, {
    tag: "dataset",
    what: "cannot be understood",
    action: "Prepare the dataset again.",
  });
}

/** Slides or images of a project, with the annotation file of each that has one. */
export interface ProjectInputs {
  readonly paths: readonly string[];
  readonly annotationOf: ReadonlyMap<string, string>;
  /** Microns per pixel of slides that a table tells, by their names. */
  readonly mppOf: ReadonlyMap<string, MicronsPerPixel>;
}

/** @throws EpSamError `usage` when an input or a folder of annotations does not exist, or there is nothing */
export async function listProjectInputs(project: Project): Promise<ProjectInputs> {
  const { kind, inputs, annotations } = project;
  const { mppTable } = project.prepare;
  if (kind === "images") {
    if (project.masks === null) await requireNoSlides(inputs);
    const paths = (await findInputs(inputs)).images.map(({ path }) => path);
    return { paths, annotationOf: new Map(), mppOf: new Map() };
  }
  const { slides } = await listSlides(inputs);
  if (slides.length === 0) throw await noSlides(inputs);
  const paths = slides.map(({ path }) => path);
  const { ofSlides } = await matchAnnotations(paths, annotations);
  const mppOf = mppTable === undefined ? new Map() : (await readMppTable(mppTable, slides)).values;
  return { paths, annotationOf: ofSlides, mppOf };
}

/** Ready patches are never slides, so annotations were forgotten. */
async function requireNoSlides(inputs: readonly string[]): Promise<void> {
  for (const { path, kind } of (await listInputs(inputs)).flatMap(({ files }) => files)) {
    const content = kind === "tiff" ? await contentOfTiff(path) : kind;
    if (content !== "slide" && content !== "dicom") continue;
    throw new EpSamError("usage", {
      where: path,
      what: "is a slide, and slides need annotations to learn from",
      action: "Give `annotations: FOLDER`. `epsam infer` segments slides with a run that is trained already.",
    });
  }
}

/**
 * What is to be segmented: of what the dataset was made from, and what was beside it. Inputs that could not be used, which
 * preparing has named, are left out unless all are asked for.
 */
export function chooseForSegmenting(
  paths: readonly string[],
  { sources, skipped }: DatasetDescription,
  segment: Project["segment"],
): string[] {
  if (segment === "all") return [...paths];
  if (segment === "none") return [];
  const sourceOf = new Map(sources.map((source) => [source.slide ?? source.image, source]));
  const refused = new Set(skipped.map(({ file }) => file));
  return paths.filter((path) => {
    const name = basename(path);
    const source = sourceOf.get(name);
    if (segment === "test") return source?.split === "test";
    if (source === undefined) return !refused.has(name);
    return source.split === "test" || source.patches === 0;
  });
}
