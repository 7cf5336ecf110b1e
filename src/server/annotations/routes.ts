import { Hono } from "hono";
import { type AnnotationSet, annotationFolder, geoJsonOrigin } from "../../annotations/index.js";
import { messageOf } from "../../common/index.js";
import {
  type AnnotationEdit,
  type AnnotationImport,
  type AnnotationObject,
  annotationEditSchema,
  annotationStepSchema,
  exportQuery,
  importQuery,
} from "../../contract/index.js";
import { outlineDoubts } from "../../dataset/index.js";
import type { ServerContext } from "../context.js";
import { SlideLayers } from "../layers/slide-layers.js";
import { jsonBody, jsonResponse, parameter, queryOf, streamOf } from "../requests.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { groupsOf, newColours } from "./class-colours.js";
import { classesWithoutMeaning, classRoutes, correctionsOf } from "./classes.js";
import { type ImportPlan, objectPieces, planImport, planResults } from "./exchange.js";
import { foundObjects, requireOutlines } from "./found-objects.js";
import { readImport } from "./read-import.js";
import { AnnotationStore, type AnnotationStoreOptions, type SaveOutcome } from "./store.js";
import { thresholdRoutes } from "./threshold-routes.js";

/** Media type and extension of exported files. */
const EXPORTS = {
  geojson: { type: "application/geo+json", extension: "geojson" },
  "asap-xml": { type: "application/xml", extension: "xml" },
} as const;

/** The annotations of the slides, as the contract says. Closed when the server ends. */
export function annotationRoutes(
  context: ServerContext,
  options: Pick<AnnotationStoreOptions, "compactBytes"> = {},
  layers: SlideLayers = new SlideLayers(context),
): Hono {
  const store = new AnnotationStore(annotationFolder(context.stateDirectory), {
    ...options,
    reporter: context.reporter,
    onSaved: (slide, revision) => context.events.publish({ event: "annotations", data: { slide, revision } }),
  });
  context.signal.addEventListener("abort", () => {
    store.close().catch((failure: unknown) => context.reporter.warn(messageOf(failure)));
  });
  const warned = new Set<string>();
  context.facts.annotationCount = async (id) => {
    try {
      return await store.count(context.workspace.slide(id));
    } catch (failure) {
      // The list of slides stays; opening the slide's annotations tells what is wrong.
      if (!warned.has(id)) context.reporter.warn(messageOf(failure));
      warned.add(id);
      return { all: 0, unreviewed: 0 };
    }
  };
  context.facts.classesWithoutMeaning = (id) =>
    classesWithoutMeaning(context, store, context.workspace.slide(id));
  context.facts.corrections = (id) => correctionsOf(context, store, context.workspace.slide(id));
  const routes = new Hono();
  routes.route("/", classRoutes(context, store));
  routes.route(
    "/",
    thresholdRoutes(context, layers, (slide, edit, set) =>
      importObjects(store, slide, edit, set, planResults),
    ),
  );
  const slideOf = (id: string): WorkspaceSlide => context.workspace.slide(id);

  routes.get("/slides/:slide/annotations", async (request) =>
    noStore(jsonResponse(await store.state(slideOf(parameter(request, "slide"))))),
  );
  routes.post("/slides/:slide/annotations", async (request) => {
    const slide = slideOf(parameter(request, "slide"));
    return answer(await store.edit(slide, await jsonBody(request, annotationEditSchema)));
  });
  for (const step of ["undo", "redo"] as const) {
    routes.post(`/slides/:slide/annotations/${step}`, async (request) => {
      const slide = slideOf(parameter(request, "slide"));
      return answer(await store[step](slide, await jsonBody(request, annotationStepSchema)));
    });
  }
  routes.post("/slides/:slide/annotations/import", async (request) => {
    const slide = slideOf(parameter(request, "slide"));
    const edit = { ...queryOf(request, importQuery), title: "Import annotations" };
    const plane = await context.openSlides.use(slide.path, async ({ levels, bounds }) => ({
      levels,
      bounds,
    }));
    const place = { path: slide.path, slide: plane, told: context.annotationOrigin };
    const set = await readImport(request.req.raw.body, place, (outlines) =>
      context.openSlides.use(slide.path, (source) => outlineDoubts(source, outlines)),
    );
    const answered = await importObjects(store, slide, edit, set, planImport);
    if (answered.ok) await takeColours(context, store, set);
    return answered;
  });
  routes.post("/slides/:slide/annotations/results", async (request) => {
    const slide = slideOf(parameter(request, "slide"));
    const edit = { ...queryOf(request, importQuery), title: "Bring in results" };
    const set = await requireOutlines(context, slide);
    return importObjects(store, slide, edit, set, planResults);
  });
  routes.get("/slides/:slide/annotations/results", async (request) =>
    noStore(jsonResponse(await foundObjects(context, slideOf(parameter(request, "slide"))))),
  );
  routes.get("/slides/:slide/annotations/export", async (request) => {
    const slide = slideOf(parameter(request, "slide"));
    const { format } = queryOf(request, exportQuery);
    const { objects } = await store.state(slide);
    const { type, extension } = EXPORTS[format];
    // Of slides of one name with what tells them apart: one's outlines are not to be taken for the other's.
    const called = context.workspace.labelOf(slide).replace(slide.name, () => slide.stem);
    const name = encodeURIComponent(`${called}.${extension}`).replaceAll("'", "%27");
    const headers = { "Content-Type": type, "Content-Disposition": `attachment; filename*=UTF-8''${name}` };
    const place = await context.openSlides.use(slide.path, async (source) => ({
      // ASAP counts from the slide's corner, whatever was scanned.
      origin: format === "geojson" ? geoJsonOrigin(source, context.annotationOrigin) : undefined,
      micronsPerPixel: source.micronsPerPixel,
    }));
    const groups = groupsOf(await store.classes());
    return noStore(new Response(streamOf(objectPieces(objects, format, { ...place, groups })), { headers }));
  });
  return routes;
}

/** Classes that are new get the colours that the file gives them. */
async function takeColours(
  { groupRoles, events }: ServerContext,
  store: AnnotationStore,
  { groups }: AnnotationSet,
): Promise<void> {
  const known = groupRoles.named.map(({ name }) => name);
  if (newColours(groups, await store.classes(), known).length === 0) return;
  await store.changeClasses((chosen) => ({
    ...chosen,
    looks: [...chosen.looks, ...newColours(groups, chosen, known)],
  }));
  events.publish({ event: "workspace", data: {} });
}

async function importObjects(
  store: AnnotationStore,
  slide: WorkspaceSlide,
  edit: Omit<AnnotationEdit, "changes">,
  set: AnnotationSet,
  planFor: (
    set: AnnotationSet,
    present: readonly AnnotationObject[],
    author: string | undefined,
  ) => Promise<ImportPlan>,
): Promise<Response> {
  let plan: ImportPlan = { changes: [], added: 0, warnings: [] };
  const outcome = await store.derivedEdit(slide, edit, async (history) => {
    plan = await planFor(
      set,
      history.objects.map(({ object }) => object),
      edit.author,
    );
    return plan.changes;
  });
  if ("conflict" in outcome) return answer(outcome);
  const body: AnnotationImport = { save: outcome.saved, added: plan.added, warnings: plan.warnings };
  return noStore(jsonResponse(body));
}

function answer(outcome: SaveOutcome): Response {
  if ("saved" in outcome) return noStore(jsonResponse(outcome.saved));
  return noStore(jsonResponse(outcome.conflict, 409));
}

function noStore(response: Response): Response {
  response.headers.set("Cache-Control", "no-store");
  return response;
}
