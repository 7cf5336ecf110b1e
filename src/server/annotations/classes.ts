import { Hono } from "hono";
import { correctionSet, groupKey, judgeAreas } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import { type ClassEntry, classChoiceSchema } from "../../contract/index.js";
import type { Corrections, ServerContext } from "../context.js";
import { jsonBody } from "../requests.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import type { AnnotationStore } from "./store.js";

/** What classes of annotations mean to training: `GET` and `PUT /classes`. */
export function classRoutes({ groupRoles, events }: ServerContext, store: AnnotationStore): Hono {
  const fixed = groupRoles.named.map(
    ({ name, role }): ClassEntry => ({ name, meaning: role, isFixed: true }),
  );
  const isFixed = (name: string) => fixed.some((one) => groupKey(one.name) === groupKey(name));
  const routes = new Hono();
  routes.get("/classes", async (request) => {
    const made = (await store.classes()).filter(({ name }) => !isFixed(name));
    const body: ClassEntry[] = [...fixed, ...made.map((one) => ({ ...one, isFixed: false }))];
    return request.json(body, 200, { "Cache-Control": "no-store" });
  });
  routes.put("/classes", async (request) => {
    const { name, meaning } = await jsonBody(request, classChoiceSchema);
    if (isFixed(name)) {
      throw new EpSamError("usage", {
        where: `class "${name}"`,
        what: "means the same everywhere",
        action: "Choose another name.",
      });
    }
    await store.chooseMeaning(name.trim(), meaning);
    events.publish({ event: "workspace", data: {} });
    return request.json({ name: name.trim(), meaning, isFixed: false } satisfies ClassEntry);
  });
  return routes;
}

/** Classes of a slide's corrections of which nothing tells what they mean; null stands for none. */
export async function classesWithoutMeaning(
  { groupRoles }: ServerContext,
  store: AnnotationStore,
  slide: WorkspaceSlide,
): Promise<(string | null)[]> {
  const names = [...groupRoles.named, ...(await store.classes())].map(({ name }) => groupKey(name));
  const known = new Set(names);
  const { objects } = await store.state(slide);
  // What has no area outlines nothing.
  const judged = objects.filter(
    ({ review, origin, mark }) => mark === undefined && (review === "accepted" || origin === "drawn"),
  );
  const classes = new Set(
    judged.filter(({ review }) => review !== "rejected").map(({ classification }) => classification),
  );
  return [...classes].filter((name) => !known.has(groupKey(name ?? "None")));
}

/**
 * What a slide's saved annotations say where tumour is; null without any.
 * @throws EpSamError `annotation` for a class without meaning, and as the store throws
 */
export async function correctionsOf(
  { groupRoles }: ServerContext,
  store: AnnotationStore,
  slide: WorkspaceSlide,
): Promise<Corrections | null> {
  const { objects, revision } = await store.state(slide);
  if (objects.length === 0) return null;
  const classes = await store.classes();
  const areas = judgeAreas(correctionSet(slide.name, objects, classes), groupRoles);
  return { areas, version: JSON.stringify([slide.id, revision, classes]) };
}
