import { type Level0Polygon, pixelsAround } from "../geometry/index.js";
import { annotationError } from "./errors.js";
import type { AnnotationRole, GroupRoles } from "./roles.js";
import type { Annotation, AnnotationSet, LeftOutPart } from "./types.js";

/** What the annotations of a slide mean, taken together. */
export interface JudgedAreas {
  readonly polygons: ReadonlyMap<AnnotationRole, readonly Level0Polygon[]>;
  /** Where marks without area lie: of exclusions and what is to be left out, and others. Nobody can tell what is there. */
  readonly lost: { readonly marks: readonly Level0Polygon[]; readonly exclusions: readonly Level0Polygon[] };
  /** Counts these marks. */
  readonly warnings: readonly string[];
}

/** Something that was drawn and has no area. */
interface LostMark extends LeftOutPart {
  readonly group: string | null;
  readonly role: AnnotationRole | null;
  readonly isDot: boolean;
}

/**
 * The areas of an annotation file by what they mean, and where marks lie that have none: lines, dots, outlines of too
 * few points or off the slide.
 * @throws EpSamError `annotation` for an area of a group without a role; and where no tumour is outlined, although a
 *   mark without area is, or may be, tumour: such a slide is not free of it
 */
export function judgeAreas(set: AnnotationSet, roles: GroupRoles): JudgedAreas {
  const polygons = new Map<AnnotationRole, Level0Polygon[]>();
  const lost: LostMark[] = [];
  for (const annotation of set.annotations) {
    if (annotation.polygons.length > 0) {
      const role = roles.roleOf(annotation, set);
      const known = polygons.get(role);
      if (known === undefined) polygons.set(role, [...annotation.polygons]);
      else known.push(...annotation.polygons);
    }
    lost.push(...lostMarks(annotation, roles.knownRoleOf(annotation, set)));
  }
  if ((polygons.get("tumour") ?? []).length === 0) requireNoLostTumour(set, lost);
  // Those of a group without a role may mean anything, beside tumour that is outlined.
  const placed = lost.filter(({ role, extent }) => role !== null && extent !== null);
  const extents = (isExclusion: boolean): Level0Polygon[] =>
    placed.flatMap(({ role, extent }) =>
      extent !== null && (role === "exclusion" || role === "left-out") === isExclusion ? [extent] : [],
    );
  return {
    polygons,
    lost: { marks: extents(false), exclusions: extents(true) },
    warnings: placed.length === 0 ? [] : [`${counted(placed)} without area`],
  };
}

/** Those marks of an annotation without area that may mean something. */
function lostMarks(annotation: Annotation, role: AnnotationRole | null): LostMark[] {
  if (role === "ignored" || role === "reviewed") return [];
  const { group, points, leftOut = [] } = annotation;
  const dots = points.map(({ x, y }) => ({ what: "a dot", extent: pixelsAround([x, y]), isDot: true }));
  const parts = [...leftOut.map((part) => ({ ...part, isDot: false })), ...dots];
  // What has neither a group nor a place says nothing.
  const said = group === null && role === null ? parts.filter(({ extent }) => extent !== null) : parts;
  return said.map((part) => ({ ...part, group, role }));
}

function requireNoLostTumour(set: AnnotationSet, lost: readonly LostMark[]): void {
  // Dots of other groups count cells and the like: they outline nothing.
  const tumour = lost.filter(({ role, isDot }) => role === "tumour" || (role === null && !isDot));
  const unclear = tumour.find(({ role }) => role === null);
  if (tumour.length === 0) return;
  const outline = "Outline the tumour as closed polygons with area";
  throw annotationError(set.path, "has no tumour outline that can be used", {
    why: `left out: ${counted(tumour)}; the slide cannot be taken for free of tumour`,
    action:
      unclear === undefined
        ? `${outline}, or remove these marks if there is none.`
        : `${outline}; if these marks mean nothing, say so: \`groups.ignored: "${unclear.group ?? "None"}"\`.`,
  });
}

/** `2 marks of the group "Tumor" (a line, a dot)`, by group. */
function counted(marks: readonly LostMark[]): string {
  const groups = new Set(marks.map(({ group }) => group));
  return [...groups]
    .map((name) => {
      const of = marks.filter(({ group }) => group === name);
      const kinds = [...new Set(of.map(({ what }) => what))].join(", ");
      return `${of.length} ${of.length === 1 ? "mark" : "marks"} of the group "${name ?? "None"}" (${kinds})`;
    })
    .join("; ");
}
