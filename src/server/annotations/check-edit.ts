import { annotationLimits, type HistoryState, requireExtent, vertexCount } from "../../annotations/index.js";
import { EpSamError, Slices } from "../../common/index.js";
import { type AnnotationChange, type EditChange, judged } from "../../contract/index.js";

/**
 * Whether changes fit a slide's annotations: every object has area or length, no id is changed twice, added ids are new, the
 * others are there, and the slide does not grow beyond its limits.
 * @throws EpSamError `annotation` for objects without either, `usage` for ids that do not fit, `too-large`
 */
export async function checkEdit(history: HistoryState, changes: readonly AnnotationChange[]): Promise<void> {
  const sizes = new Map(history.objects.map(({ object }) => [object.id, vertexCount(object)]));
  const changed = new Set<string>();
  const slices = new Slices();
  for (const change of changes) {
    await slices.next();
    const id = change.type === "remove" ? change.id : change.object.id;
    if (changed.has(id)) throw unfitting(id, "is changed twice in one edit");
    changed.add(id);
    if (change.type === "add" && sizes.has(id)) throw unfitting(id, "is there already");
    if (change.type !== "add" && !sizes.has(id)) throw unfitting(id, "is not there (any more)");
    if (change.type === "remove") sizes.delete(id);
    else {
      requireExtent(change.object);
      sizes.set(id, vertexCount(change.object));
    }
  }
  requireAtMost(sizes.size, annotationLimits.objects, "annotations");
  const vertices = [...sizes.values()].reduce((sum, count) => sum + count, 0);
  requireAtMost(vertices, annotationLimits.vertices, "vertices");
}

/**
 * The changes with every judgement as the update that it stands for, so that what is kept knows everything it does.
 * @throws EpSamError `usage` for a judgement of what is not there
 */
export function withoutJudgements(history: HistoryState, changes: readonly EditChange[]): AnnotationChange[] {
  const there = new Map(history.objects.map(({ object }) => [object.id, object]));
  return changes.map((change): AnnotationChange => {
    if (change.type !== "judge") return change;
    const before = there.get(change.id);
    if (before === undefined) throw unfitting(change.id, "is not there (any more)");
    return { type: "update", object: judged(before, change) };
  });
}

function unfitting(id: string, what: string): EpSamError {
  return new EpSamError("usage", { where: `annotation ${id}`, what, action: "Load the annotations again." });
}

function requireAtMost(count: number, limit: number, what: string): void {
  if (count <= limit) return;
  throw new EpSamError("too-large", {
    what: `a slide cannot have more than ${limit} ${what}`,
    why: `it would have ${count}`,
    action: "Simplify outlines, or remove annotations that are not needed.",
  });
}
