import { type Annotation, type AnnotationSet, movedBy, readAnnotations } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import type { FoundObjects } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import { findResults } from "../results/find-results.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { planResults } from "./exchange.js";

/** Names of what a run measures of a focus, as the export writes them. */
const PROBABILITY = "Mean tumor probability";
const SIZES = [
  { area: "Area µm^2", diameter: "Max diameter µm", inMicrons: true },
  { area: "Area px^2", diameter: "Max diameter px", inMicrons: false },
] as const;

/** Outlines that a run has found. */
interface FoundOutlines {
  /** The run and its stage. */
  readonly origin: string;
  readonly set: AnnotationSet;
}

/** The outlines of the newest results of a slide. @throws EpSamError `not-found` when no results have any */
export async function requireOutlines(context: ServerContext, slide: WorkspaceSlide): Promise<AnnotationSet> {
  const found = await foundOutlines(context, slide);
  if (found !== null) return found.set;
  throw new EpSamError("not-found", {
    where: slide.name,
    what: "has no results of a run",
    action: "Segment the slide first.",
  });
}

/** What the outlines of the newest results would be as objects; none without results. */
export async function foundObjects(context: ServerContext, slide: WorkspaceSlide): Promise<FoundObjects> {
  const outlines = await foundOutlines(context, slide);
  if (outlines === null) return { origin: null, found: [] };
  const { origin, set } = outlines;
  const measured = new Map(set.annotations.map(({ id, measurements }) => [id?.toLowerCase(), measurements]));
  const { changes } = await planResults(set, []);
  const found = changes.flatMap((change) => {
    if (change.type !== "add") return [];
    const measurements = measured.get(change.object.id) ?? {};
    const { object } = change;
    return [{ object, probability: measurements[PROBABILITY] ?? null, size: sizeIn(measurements) }];
  });
  return { origin, found };
}

function sizeIn(measurements: Annotation["measurements"]): FoundObjects["found"][number]["size"] {
  for (const names of SIZES) {
    const [area, diameter] = [measurements[names.area], measurements[names.diameter]];
    const { inMicrons } = names;
    if (area !== undefined && diameter !== undefined) return { area, diameter, inMicrons };
  }
  return null;
}

async function foundOutlines(
  { workspace, openSlides }: ServerContext,
  slide: WorkspaceSlide,
): Promise<FoundOutlines | null> {
  const size = await openSlides.use(slide.path, async ({ levels }) => levels[0] ?? { width: 0, height: 0 });
  for (const { origin, fociPath, fociOrigin } of await findResults(workspace, slide, size)) {
    if (fociPath !== null) return { origin, set: movedBy(await readAnnotations(fociPath), fociOrigin) };
  }
  return null;
}
