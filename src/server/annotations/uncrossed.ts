import type { Annotation, AnnotationSet } from "../../annotations/index.js";
import {
  crossingsOf,
  type Level0Polygon,
  positionsOf,
  ringFrom,
  signedArea,
  withoutCrossings,
} from "../../geometry/index.js";

/** An outline that crosses itself more often is a scribble of which nobody can say what it means. */
const MOST_CROSSINGS = 200;

/**
 * Annotations with outlines that cross themselves taken apart into such that do not, so that they can be seen, measured
 * and edited as they are learnt; scribbles are left out by name.
 */
export function uncrossed(set: AnnotationSet): AnnotationSet {
  const [apart, scribbles]: [string[], string[]] = [[], []];
  const annotations = set.annotations.map((annotation): Annotation => {
    const polygons = annotation.polygons.map(polygonsWithoutCrossings);
    if (polygons.every((result, index) => result?.[0] === annotation.polygons[index])) return annotation;
    const name = annotation.name === "" ? (annotation.group ?? "No class") : annotation.name;
    if (polygons.includes(null)) {
      scribbles.push(name);
      return { ...annotation, polygons: [], leftOut: [{ what: "a scribble", extent: null }] };
    }
    apart.push(name);
    return { ...annotation, polygons: polygons.flatMap((result) => result ?? []) };
  });
  if (apart.length === 0 && scribbles.length === 0) return set;
  const warnings = [
    ...set.warnings,
    ...told(apart, "outlines cross themselves and were taken apart where they do"),
    ...told(scribbles, "outlines cross themselves so that nobody can say what they mean, and are left out"),
  ];
  return { ...set, annotations, warnings };
}

function told(names: readonly string[], what: string): string[] {
  if (names.length === 0) return [];
  const all = [...new Set(names)];
  const shown = all.slice(0, 5).map((name) => `“${name}”`);
  return [`${names.length} ${what} (${shown.join(", ")}${all.length > shown.length ? ", …" : ""})`];
}

/** The polygon itself when none of its rings crosses itself; null for a scribble. */
function polygonsWithoutCrossings(polygon: Level0Polygon): readonly Level0Polygon[] | null {
  const rings = [polygon.outer, ...polygon.holes];
  if (rings.every((ring) => signedArea(ring) !== 0 && crossingsOf(positionsOf(ring), 1) === 0))
    return [polygon];
  // Taking a scribble apart as far as that goes would be work for nothing.
  if (rings.some((ring) => crossingsOf(positionsOf(ring), MOST_CROSSINGS + 1) > MOST_CROSSINGS)) return null;
  const [outer, ...holes] = rings.map((ring) => withoutCrossings(positionsOf(ring), MOST_CROSSINGS));
  if (outer == null || holes.includes(null)) return null;
  const cut = holes
    .flatMap((parts) => parts ?? [])
    .flatMap(([ring]) => (ring === undefined ? [] : [ringFrom(ring)]));
  return outer.flatMap(([ring, ...inner]) =>
    ring === undefined ? [] : [{ outer: ringFrom(ring), holes: [...inner.map(ringFrom), ...cut] }],
  );
}
