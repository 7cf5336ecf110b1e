import { Hono } from "hono";
import { type ChosenClasses, correctionSet, groupKey, judgeAreas } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import {
  type ClassChoice,
  type ClassEntry,
  type ClassRename,
  type ClassRenamed,
  classChoiceSchema,
  classMeaningSchema,
  classRemovalSchema,
  classRenameSchema,
} from "../../contract/index.js";
import type { Corrections, ServerContext } from "../context.js";
import { jsonBody } from "../requests.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import type { AnnotationStore } from "./store.js";

/**
 * Classes of annotations: what they mean to training, their colours and keys (`GET` and `PUT /classes`), and other names
 * for them (`POST /classes/rename`); those that nothing uses can go (`POST /classes/remove`).
 */
export function classRoutes({ groupRoles, events }: ServerContext, store: AnnotationStore): Hono {
  const fixed = groupRoles.named.map(
    ({ name, role }): ClassEntry => ({ name, meaning: role, isFixed: true }),
  );
  const entries = async (): Promise<ClassEntry[]> => entriesOf(fixed, await store.classes());
  const entryOf = async (name: string) => (await entries()).find((one) => isSame(one.name, name));
  const routes = new Hono();
  routes.get("/classes", async (request) =>
    request.json(await entries(), 200, { "Cache-Control": "no-store" }),
  );
  routes.put("/classes", async (request) => {
    const { name, ...choice } = await jsonBody(request, classChoiceSchema);
    const trimmed = name.trim();
    requireChoice(trimmed, choice, await entryOf(trimmed));
    await store.changeClasses((chosen) => withChoice(chosen, { name: trimmed, ...choice }));
    events.publish({ event: "workspace", data: {} });
    return request.json(await entryOf(trimmed));
  });
  routes.post("/classes/rename", async (request) => {
    const rename = await jsonBody(request, classRenameSchema);
    const [from, to] = [rename.from.trim(), rename.to.trim()];
    const [before, after] = [await entryOf(from), await entryOf(to)];
    requireRename({ from, to }, before, after);
    // Its meaning goes before it: an interrupted renaming leaves no annotation of which nobody knows what it means.
    const meaning = classMeaningSchema.safeParse(before?.meaning).data;
    if ((after?.meaning ?? null) === null && before !== undefined) {
      const colour = after?.colour ?? before.colour;
      const { key } = before;
      await store.changeClasses((chosen) => withChoice(chosen, { name: to, meaning, colour, key }));
    }
    const renamed = await renameEverywhere(store, { ...rename, from, to });
    if (!isSame(from, to)) await store.changeClasses((chosen) => without(chosen, from));
    else if (before?.isFixed === false) await store.changeClasses((chosen) => spelt(chosen, to));
    events.publish({ event: "workspace", data: {} });
    return request.json(renamed);
  });
  routes.post("/classes/remove", async (request) => {
    const { name } = await jsonBody(request, classRemovalSchema);
    await requireRemoval(store, name, await entryOf(name));
    await store.changeClasses((chosen) => without(chosen, name));
    events.publish({ event: "workspace", data: {} });
    return request.json(await entries());
  });
  return routes;
}

function entriesOf(fixed: readonly ClassEntry[], { meanings, looks }: ChosenClasses): ClassEntry[] {
  const isFixed = (name: string) => fixed.some((one) => isSame(one.name, name));
  const made = meanings
    .filter(({ name }) => !isFixed(name))
    .map((one): ClassEntry => ({ ...one, isFixed: false }));
  const named = new Set([...fixed, ...made].map(({ name }) => groupKey(name)));
  const coloured = looks
    .filter(({ name }) => !named.has(groupKey(name)))
    .map(({ name }): ClassEntry => ({ name, meaning: null, isFixed: false }));
  return [...fixed, ...made, ...coloured].map((entry) => {
    const look = looks.find(({ name }) => isSame(name, entry.name));
    return {
      ...entry,
      ...(look?.colour === undefined ? {} : { colour: look.colour }),
      ...(look?.key === undefined ? {} : { key: look.key }),
    };
  });
}

/** @throws EpSamError `usage` for another meaning of a class that has its own, and for a look of one without any */
function requireChoice(
  name: string,
  { meaning }: Omit<ClassChoice, "name">,
  known: ClassEntry | undefined,
): void {
  if (meaning !== undefined && known?.isFixed === true) {
    throw new EpSamError("usage", {
      where: `class "${name}"`,
      what: "means the same everywhere",
      action: "Choose another name.",
    });
  }
  if (meaning !== undefined || (known?.meaning ?? null) !== null) return;
  throw new EpSamError("usage", {
    where: `class "${name}"`,
    what: "has no meaning yet",
    action: "Choose first what it means to training.",
  });
}

/** With what was chosen of one class. */
export function withChoice(
  { meanings, looks }: ChosenClasses,
  { name, meaning, colour, key }: ClassChoice,
): ChosenClasses {
  const isRobbed = (one: { readonly key?: number | null | undefined }) => key != null && one.key === key;
  const look = {
    ...looks.find((one) => isSame(one.name, name)),
    ...{ name },
    ...(colour === undefined ? {} : { colour }),
    ...(key === undefined ? {} : { key }),
  };
  return {
    meanings: meaning === undefined ? meanings : replaced(meanings, { name, meaning }),
    looks:
      colour === undefined && key === undefined
        ? looks
        : // A key chooses one class.
          replaced(
            looks.map((one) => (isRobbed(one) ? { ...one, key: null } : one)),
            look,
          ),
  };
}

/** With another in the place of the one of that name, or at the end. */
function replaced<Named extends { readonly name: string }>(list: readonly Named[], by: Named): Named[] {
  const isThat = ({ name }: Named) => isSame(name, by.name);
  return list.some(isThat) ? list.map((one) => (isThat(one) ? by : one)) : [...list, by];
}

function without({ meanings, looks }: ChosenClasses, name: string): ChosenClasses {
  const isOther = (one: { readonly name: string }) => !isSame(one.name, name);
  return { meanings: meanings.filter(isOther), looks: looks.filter(isOther) };
}

/** A class that is the same but for case or accents, written anew. */
function spelt({ meanings, looks }: ChosenClasses, name: string): ChosenClasses {
  return {
    meanings: meanings.map((one) => (isSame(one.name, name) ? { ...one, name } : one)),
    looks: looks.map((one) => (isSame(one.name, name) ? { ...one, name } : one)),
  };
}

/** @throws EpSamError `usage` where the annotations would mean something else afterwards */
function requireRename(
  { from, to }: Pick<ClassRename, "from" | "to">,
  before: ClassEntry | undefined,
  after: ClassEntry | undefined,
): void {
  const own = [before, after].find(
    (one) => one?.isFixed === true && one.meaning !== "tumour" && one.meaning !== "exclusion",
  );
  if (own !== undefined) {
    throw new EpSamError("usage", {
      where: `class "${own.name}"`,
      what: "means something of its own, which goes with its name",
      action: "Give the annotations another class instead.",
    });
  }
  const meanings = [before, after].flatMap((one) => one?.meaning ?? []);
  const [first, second] = meanings;
  if (second === undefined || first === second) return;
  throw new EpSamError("usage", {
    where: `class "${to}"`,
    what: `is there already and means "${second}" to training, where "${from}" means "${first}"`,
    action: "Choose another name, or give the annotations that class one by one.",
  });
}

/** @throws EpSamError `usage` for a class that comes with the program, that is not there, or that annotations have */
async function requireRemoval(
  store: AnnotationStore,
  name: string,
  known: ClassEntry | undefined,
): Promise<void> {
  const where = `class "${name}"`;
  if (known === undefined) throw new EpSamError("usage", { where, what: "is not there" });
  if (known.isFixed) {
    throw new EpSamError("usage", { where, what: "is known to every program and cannot be removed" });
  }
  const users: string[] = [];
  for (const slide of await store.savedSlides()) {
    const { objects } = await store.state(slide);
    const count = objects.filter(
      ({ classification }) => classification !== null && isSame(classification, name),
    ).length;
    if (count > 0) users.push(`${count} on ${slide.name}`);
  }
  if (users.length === 0) return;
  throw new EpSamError("usage", {
    where,
    what: `annotations have it: ${users.join(", ")}`,
    action: "Rename it to a class that means the same, or give those annotations another class.",
  });
}

/** One edit for every slide with annotations of the class. */
async function renameEverywhere(
  store: AnnotationStore,
  { from, to, author }: ClassRename,
): Promise<ClassRenamed> {
  const renamed = { slides: 0, objects: 0 };
  const title = `Rename class ${from} to ${to}`;
  for (const slide of await store.savedSlides()) {
    let count = 0;
    let isDone = false;
    while (!isDone) {
      const { revision } = await store.state(slide);
      const outcome = await store.derivedEdit(slide, { revision, title, author }, async ({ objects }) => {
        const those = objects.filter(
          ({ object: { classification } }) =>
            classification !== null && classification !== to && isSame(classification, from),
        );
        count = those.length;
        return those.map(({ object }) => ({ type: "update", object: { ...object, classification: to } }));
      });
      // Somebody has saved in between.
      isDone = !("conflict" in outcome);
    }
    renamed.objects += count;
    if (count > 0) renamed.slides += 1;
  }
  return renamed;
}

function isSame(one: string, other: string): boolean {
  return groupKey(one) === groupKey(other);
}

/** Classes of a slide's corrections of which nothing tells what they mean; null stands for none. */
export async function classesWithoutMeaning(
  { groupRoles }: ServerContext,
  store: AnnotationStore,
  slide: WorkspaceSlide,
): Promise<(string | null)[]> {
  const { meanings } = await store.classes();
  const known = new Set([...groupRoles.named, ...meanings].map(({ name }) => groupKey(name)));
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
  const { meanings } = await store.classes();
  const areas = judgeAreas(correctionSet(slide.name, objects, meanings), groupRoles);
  return { areas, version: JSON.stringify([slide.id, revision, meanings]) };
}
