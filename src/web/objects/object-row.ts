import type { AnnotationObject, FoundObjects } from "../../contract/index.js";
import { areaSize, boundsOf, maximumDiameter, polygonsOf } from "../../geometry/index.js";

/** Width and height of a level-0 pixel in µm; null where the slide does not tell. */
export type Resolution = { readonly x: number; readonly y: number } | null;

/** An annotation, or an outline that a run has found and nobody has brought in. */
export interface ObjectRow {
  readonly object: AnnotationObject;
  /** Whether it is among the annotations. */
  readonly isKept: boolean;
  /** Mean tumour probability inside, as the run measured it; null when unknown, or when the outline has changed since. */
  readonly probability: number | null;
  /** As the run measured it, of the mask's own pixels; null as above. */
  readonly measured: FoundObjects["found"][number]["size"];
}

/** The annotations in their order, then what a run has found beside them. */
export function rowsOf(
  objects: ReadonlyMap<string, AnnotationObject>,
  found: FoundObjects["found"],
): readonly ObjectRow[] {
  const measured = new Map(found.map((one) => [one.object.id, one]));
  const kept = [...objects.values()].map((object): ObjectRow => {
    const origin = measured.get(object.id);
    const isUnchanged = origin !== undefined && isSameArea(object.area, origin.object.area);
    const { probability, size } = isUnchanged ? origin : { probability: null, size: null };
    return { object, isKept: true, probability, measured: size };
  });
  const others = found.filter(({ object }) => !objects.has(object.id));
  return [...kept, ...others.map(rowOfFound)];
}

function rowOfFound({ object, probability, size }: FoundObjects["found"][number]): ObjectRow {
  return { object, isKept: false, probability, measured: size };
}

/** Areas that were compared, with the one they were compared with: neither ever changes. */
const compared = new WeakMap<
  AnnotationObject["area"],
  { other: AnnotationObject["area"]; isSame: boolean }
>();

function isSameArea(one: AnnotationObject["area"], other: AnnotationObject["area"]): boolean {
  const known = compared.get(one);
  if (known?.other === other) return known.isSame;
  const isSame = JSON.stringify(one) === JSON.stringify(other);
  compared.set(one, { other, isSame });
  return isSame;
}

/** How large an object is: as the run measured what it has found, else by the outline. */
export function sizeOfRow({ object, measured }: ObjectRow, resolution: Resolution): ObjectSize {
  if (measured !== null && measured.inMicrons === (resolution !== null)) return measured;
  return sizeOf(object.area, resolution);
}

/** The size of an outline: in µm where the resolution is known, else in level-0 pixels. */
export interface ObjectSize {
  readonly area: number;
  /** Largest distance between two points of it (maximum Feret diameter). */
  readonly diameter: number;
}

const sizes = new WeakMap<AnnotationObject["area"], { resolution: Resolution; size: ObjectSize }>();

/** How large an area is. */
export function sizeOf(area: AnnotationObject["area"], resolution: Resolution): ObjectSize {
  const known = sizes.get(area);
  if (known?.resolution === resolution) return known.size;
  const unit = resolution ?? { x: 1, y: 1 };
  const outlines = polygonsOf(area).map(({ outer }) => outer.coordinates);
  const [only = new Float64Array(), ...more] = outlines;
  const points = more.length === 0 ? only : Float64Array.from(outlines.flatMap((ring) => [...ring]));
  const size = { area: areaSize(area) * unit.x * unit.y, diameter: maximumDiameter(points, unit) };
  sizes.set(area, { resolution, size });
  return size;
}

/** The middle of an outline's bounds in level-0 pixels. */
export function centreOf({ area }: AnnotationObject): readonly [number, number] {
  const { left, top, right, bottom } = boundsOf(area) ?? { left: 0, top: 0, right: 0, bottom: 0 };
  return [(left + right) / 2, (top + bottom) / 2];
}
