import type { AnnotationObject, Area, FoundObjects } from "../../contract/index.js";
import { areaSize, lengthOf, maximumDiameter, type PixelSize, polygonsOf } from "../../geometry/index.js";
import { boundsOfShape, type DrawnShape, shapeOf } from "../tools/geometry/shapes.js";
import { sameObjects } from "./same-object.js";

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

/**
 * The annotations in their order, then what a run has found beside them. What one of them outlines already, by the run's own
 * id or in the same place, is one row.
 */
export function rowsOf(
  objects: ReadonlyMap<string, AnnotationObject>,
  found: FoundObjects["found"],
): readonly ObjectRow[] {
  const open = found.filter(({ object }) => !objects.has(object.id));
  const same = sameObjects(
    open.map(({ object }) => object.area),
    objects.values(),
  );
  const measured = new Map(found.map((one) => [one.object.id, one]));
  for (const one of open) {
    const id = same.get(one.object.area)?.id;
    if (id !== undefined && !measured.has(id)) measured.set(id, one);
  }
  const kept = [...objects.values()].map((object): ObjectRow => {
    const origin = measured.get(object.id);
    const isUnchanged = origin !== undefined && isSameArea(object.area, origin.object.area);
    const { probability, size } = isUnchanged ? origin : { probability: null, size: null };
    return { object, isKept: true, probability, measured: size };
  });
  return [...kept, ...open.filter(({ object }) => !same.has(object.area)).map(rowOfFound)];
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
export function sizeOfRow({ object, measured }: ObjectRow, resolution: PixelSize | null): ObjectSize {
  if (measured === null || measured.inMicrons !== (resolution !== null)) return sizeOf(object, resolution);
  return { area: measured.area, diameter: measured.diameter, length: null };
}

/** The size of an object: in µm where the resolution is known, else in level-0 pixels; null for what it has not. */
export interface ObjectSize {
  readonly area: number | null;
  /** Largest distance between two points of an outline (maximum Feret diameter). */
  readonly diameter: number | null;
  /** Of a line. */
  readonly length: number | null;
}

const sizes = new WeakMap<DrawnShape, { resolution: PixelSize | null; size: ObjectSize }>();

/** How large an object is, by its outlines or its line. */
export function sizeOf(
  object: Pick<AnnotationObject, "area" | "mark">,
  resolution: PixelSize | null,
): ObjectSize {
  const shape = shapeOf(object);
  const known = sizes.get(shape);
  if (known?.resolution === resolution) return known.size;
  const size = measured(shape, resolution ?? { x: 1, y: 1 });
  sizes.set(shape, { resolution, size });
  return size;
}

function measured(shape: DrawnShape, unit: PixelSize): ObjectSize {
  const none = { area: null, diameter: null, length: null };
  if (shape.type === "MultiPoint") return none;
  if (shape.type === "LineString") return { ...none, length: lengthOf(shape.coordinates, unit) };
  let diameter: number | undefined;
  return {
    area: areaSize(shape) * unit.x * unit.y,
    length: null,
    // Of thousands of rows few are seen: it is computed for those, or when rows are ordered by it.
    get diameter() {
      diameter ??= diameterOf(shape, unit);
      return diameter;
    },
  };
}

function diameterOf(area: Area, unit: PixelSize): number {
  const outlines = polygonsOf(area).map(({ outer }) => outer.coordinates);
  const [only = new Float64Array(), ...more] = outlines;
  const points = more.length === 0 ? only : Float64Array.from(outlines.flatMap((ring) => [...ring]));
  return maximumDiameter(points, unit);
}

/** The middle of an object's bounds in level-0 pixels. */
export function centreOf(object: AnnotationObject): readonly [number, number] {
  const { left, top, right, bottom } = boundsOfShape(shapeOf(object)) ?? {
    left: 0,
    top: 0,
    right: 0,
    bottom: 0,
  };
  return [(left + right) / 2, (top + bottom) / 2];
}
