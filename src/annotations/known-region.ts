import type { UnmarkedRule } from "../contract/index.js";
import type { Level0Polygon } from "../geometry/index.js";
import type { Mask } from "../imaging/index.js";
import { type RasterGrid, TumourRegion } from "./region.js";
import type { AnnotationRole, GroupRoles } from "./roles.js";
import type { AnnotationSet } from "./types.js";

/**
 * The part of a slide of which it is known whether it is tumour: what is marked as tumour or exclusion, holes in that
 * too, since somebody left them out on purpose; inside reviewed outlines everything; and everything else when
 * `unmarked` is `normal`. What lies inside an outline that nobody has judged is unknown, unless it is marked as well.
 */
export class KnownRegion {
  readonly #marked: TumourRegion;
  readonly #reviewed: TumourRegion;
  /** Unjudged, and not marked. */
  readonly #unknown: TumourRegion;
  readonly #unmarked: UnmarkedRule;

  private constructor(
    polygons: ReadonlyMap<AnnotationRole, readonly Level0Polygon[]>,
    unmarked: UnmarkedRule,
  ) {
    const of = (role: AnnotationRole) => (polygons.get(role) ?? []).map(withoutHoles);
    const marked = [...of("tumour"), ...of("exclusion")];
    this.#marked = new TumourRegion(marked);
    this.#reviewed = new TumourRegion(of("reviewed"), of("unknown"));
    this.#unknown = new TumourRegion(of("unknown"), marked);
    this.#unmarked = unmarked;
  }

  /** @throws EpSamError `annotation` for annotations of a group without a role */
  static of(set: AnnotationSet, roles: GroupRoles, unmarked: UnmarkedRule): KnownRegion {
    const polygons = new Map<AnnotationRole, Level0Polygon[]>();
    for (const annotation of set.annotations) {
      if (annotation.polygons.length === 0) continue;
      const role = roles.roleOf(annotation, set);
      polygons.set(role, [...(polygons.get(role) ?? []), ...annotation.polygons]);
    }
    return new KnownRegion(polygons, unmarked);
  }

  /**
   * Whether every pixel of a grid is known.
   * @throws EpSamError `shape` when the grid has no pixels or no size
   */
  covers(grid: RasterGrid): boolean {
    if (this.#unmarked === "normal") return this.#unknown.fraction(grid) === 0;
    if (!this.#marked.touches(grid)) return isFull(this.#reviewed.rasterise(grid));
    if (!this.#reviewed.touches(grid)) return isFull(this.#marked.rasterise(grid));
    return isFull(this.rasterise(grid));
  }

  /**
   * The known pixels of a grid.
   * @throws EpSamError `shape` when the grid has no pixels or no size
   */
  rasterise(grid: RasterGrid): Mask {
    if (this.#unmarked === "normal") {
      const { data, ...size } = this.#unknown.rasterise(grid);
      return { ...size, data: data.map((value) => 1 - value) };
    }
    const [marked, reviewed] = [this.#marked.rasterise(grid), this.#reviewed.rasterise(grid)];
    return { ...marked, data: marked.data.map((value, at) => value | (reviewed.data[at] ?? 0)) };
  }
}

function withoutHoles({ outer }: Level0Polygon): Level0Polygon {
  return { outer, holes: [] };
}

function isFull({ data }: Mask): boolean {
  return !data.includes(0);
}
