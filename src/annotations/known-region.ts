import type { UnmarkedRule } from "../contract/index.js";
import type { Level0Polygon } from "../geometry/index.js";
import type { Mask } from "../imaging/index.js";
import { type JudgedAreas, judgeAreas } from "./areas.js";
import { type RasterGrid, TumourRegion } from "./region.js";
import type { AnnotationRole, GroupRoles } from "./roles.js";
import type { AnnotationSet } from "./types.js";

/**
 * The part of a slide of which it is known whether it is tumour: what is marked as tumour or exclusion, holes in that
 * too, since somebody left them out on purpose; inside reviewed outlines everything; and everything else when
 * `unmarked` is `normal`. What lies inside an outline that nobody has judged, or where a mark without area is, is unknown,
 * unless it is marked as well; what is to be left out is unknown whatever is marked there.
 */
export class KnownRegion {
  readonly #marked: TumourRegion;
  readonly #reviewed: TumourRegion;
  /** Unjudged, and not marked. */
  readonly #unknown: TumourRegion;
  /** An exclusion lies there, nobody knows how far, or nothing is to be learnt there: not even tumour is known. */
  readonly #unclear: TumourRegion;
  readonly #unmarked: UnmarkedRule;

  private constructor({ polygons, lost }: JudgedAreas, unmarked: UnmarkedRule) {
    const of = (role: AnnotationRole) => (polygons.get(role) ?? []).map(withoutHoles);
    const marked = [...of("tumour"), ...of("exclusion")];
    this.#marked = new TumourRegion(marked);
    const unknown = [...of("unknown"), ...lost.marks];
    this.#reviewed = new TumourRegion(of("reviewed"), [...unknown, ...lost.exclusions]);
    this.#unknown = new TumourRegion(unknown, marked);
    this.#unclear = new TumourRegion([...lost.exclusions, ...(polygons.get("left-out") ?? [])]);
    this.#unmarked = unmarked;
  }

  /** @throws EpSamError `annotation` as {@link judgeAreas} says */
  static of(set: AnnotationSet, roles: GroupRoles, unmarked: UnmarkedRule): KnownRegion {
    return KnownRegion.ofAreas(judgeAreas(set, roles), unmarked);
  }

  /** What is known of a slide with areas whose meaning is known. */
  static ofAreas(areas: JudgedAreas, unmarked: UnmarkedRule): KnownRegion {
    return new KnownRegion(areas, unmarked);
  }

  /**
   * Whether every pixel of a grid is known.
   * @throws EpSamError `shape` when the grid has no pixels or no size
   */
  covers(grid: RasterGrid): boolean {
    if (this.#unclear.fraction(grid) > 0) return false;
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
    const unclear = this.#unclear.rasterise(grid).data;
    if (this.#unmarked === "normal") {
      const { data, ...size } = this.#unknown.rasterise(grid);
      return { ...size, data: data.map((value, at) => 1 - (value | (unclear[at] ?? 0))) };
    }
    const [marked, reviewed] = [this.#marked.rasterise(grid), this.#reviewed.rasterise(grid)];
    const data = marked.data.map((value, at) => (value | (reviewed.data[at] ?? 0)) & ~(unclear[at] ?? 0));
    return { ...marked, data };
  }
}

function withoutHoles({ outer }: Level0Polygon): Level0Polygon {
  return { outer, holes: [] };
}

function isFull({ data }: Mask): boolean {
  return !data.includes(0);
}
