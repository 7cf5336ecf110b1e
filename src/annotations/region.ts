import { EpSamError } from "../common/index.js";
import type { Level0Box, Level0Polygon } from "../geometry/index.js";
import type { Mask } from "../imaging/index.js";
import type { Level0Point } from "../slides/index.js";
import { type JudgedAreas, judgeAreas } from "./areas.js";
import { EdgeIndex } from "./edge-index.js";
import { GroupRoles } from "./roles.js";
import type { AnnotationSet } from "./types.js";

/** A grid of pixels laid over a slide: a patch at some level or resolution. */
export interface RasterGrid {
  /** Outer corner of the top left pixel; may lie between pixels of level 0, or outside the slide. */
  readonly origin: Level0Point;
  /** Level-0 pixels per pixel of the grid. */
  readonly pixelSize: { readonly x: number; readonly y: number };
  /** In pixels of the grid. */
  readonly width: number;
  readonly height: number;
}

interface IndexedPolygon {
  readonly outer: EdgeIndex;
  readonly holes: readonly EdgeIndex[];
}

/** Cells of the winding counts kept at a time, 4 bytes each; larger grids are done in strips of rows. */
const STRIP_CELLS = 1 << 20;

/**
 * The area of a slide that its annotations call tumour: everything inside a tumour polygon, less everything inside
 * an exclusion, whatever their order in the file. A pixel belongs to it when its centre does; a centre on an
 * outline counts as inside at a left or upper border only, so that areas side by side share no pixel.
 */
export class TumourRegion {
  readonly #tumour: readonly IndexedPolygon[];
  readonly #exclusions: readonly IndexedPolygon[];
  #winding = new Int32Array(0);
  #inside = new Uint8Array(0);

  constructor(tumour: readonly Level0Polygon[], exclusions: readonly Level0Polygon[] = []) {
    this.#tumour = tumour.map(indexPolygon);
    this.#exclusions = exclusions.map(indexPolygon);
  }

  /**
   * The tumour of an annotation file.
   * @throws EpSamError `annotation` as {@link judgeAreas} says
   */
  static of(set: AnnotationSet, roles: GroupRoles = new GroupRoles()): TumourRegion {
    return TumourRegion.ofAreas(judgeAreas(set, roles));
  }

  /** The tumour of areas whose meaning is known. */
  static ofAreas({ polygons }: JudgedAreas): TumourRegion {
    return new TumourRegion(polygons.get("tumour") ?? [], polygons.get("exclusion"));
  }

  /** True when nothing is tumour: no polygon of that role. */
  get isEmpty(): boolean {
    return this.#tumour.length === 0;
  }

  /** The box of all tumour outlines; null without any. */
  get box(): Level0Box | null {
    const boxes = this.#tumour.map(({ outer }) => outer.box);
    return boxes.reduce<Level0Box | null>((all, box) => (all === null ? box : around(all, box)), null);
  }

  /** True when the grid may hold tumour; false means that it holds none. */
  touches(grid: RasterGrid): boolean {
    const box = boxOf(grid);
    return this.#tumour.some(({ outer }) => overlap(outer.box, box));
  }

  /**
   * The tumour pixels of a grid.
   * @throws EpSamError `shape` when the grid has no pixels or no size
   */
  rasterise(grid: RasterGrid): Mask {
    checkGrid(grid);
    const { width, height } = grid;
    const data = new Uint8Array(width * height);
    const box = boxOf(grid);
    const tumour = this.#tumour.filter(({ outer }) => overlap(outer.box, box));
    if (tumour.length === 0) return { width, height, data };
    const exclusions = this.#exclusions.filter(({ outer }) => overlap(outer.box, box));
    const rows = Math.max(1, Math.floor(STRIP_CELLS / (width + 1)));
    for (let row = 0; row < height; row += rows) {
      const strip = { grid, firstRow: row, rows: Math.min(rows, height - row), data };
      for (const polygon of tumour) this.#paint(polygon, strip, 1);
      for (const polygon of exclusions) this.#paint(polygon, strip, 0);
    }
    return { width, height, data };
  }

  /** Share of a grid's pixels that are tumour, in [0, 1]. */
  fraction(grid: RasterGrid): number {
    if (!this.touches(grid)) {
      checkGrid(grid);
      return 0;
    }
    const { data } = this.rasterise(grid);
    let pixels = 0;
    // Counted by index: iterators take three times as long as drawing.
    for (let at = 0; at < data.length; at++) pixels += data[at] ?? 0;
    return pixels / data.length;
  }

  #paint({ outer, holes }: IndexedPolygon, strip: Strip, value: 0 | 1): void {
    const window = windowOf(outer.box, strip);
    if (window === null) return;
    if (holes.length === 0) {
      this.#fill(outer, strip, window, strip.data, strip.grid.width, value);
      return;
    }
    const { columns, rows, firstColumn, firstRow } = window;
    if (this.#inside.length < columns * rows) this.#inside = new Uint8Array(columns * rows);
    const inside = this.#inside.fill(0, 0, columns * rows);
    // The polygon alone first: its holes must not cut into others.
    const local = { ...window, targetColumn: 0, targetRow: 0 };
    this.#fill(outer, strip, local, inside, columns, 1);
    for (const hole of holes) this.#fill(hole, strip, local, inside, columns, 0);
    for (let row = 0; row < rows; row++) {
      const target = (firstRow + row) * strip.grid.width + firstColumn;
      for (let column = 0; column < columns; column++) {
        if (inside[row * columns + column] === 1) strip.data[target + column] = value;
      }
    }
  }

  /** Sets the pixels of a window that the ring winds around. */
  #fill(
    ring: EdgeIndex,
    { grid }: Strip,
    window: Window,
    target: Uint8Array,
    targetWidth: number,
    value: 0 | 1,
  ): void {
    const { firstColumn, firstRow, columns, rows, targetColumn, targetRow } = window;
    const stride = columns + 1;
    if (this.#winding.length < stride * rows) this.#winding = new Int32Array(stride * rows);
    const winding = this.#winding.fill(0, 0, stride * rows);
    const { origin, pixelSize } = grid;
    const top = origin.y + firstRow * pixelSize.y;
    ring.visit(top, top + rows * pixelSize.y, (upperY, upperX, lowerY, lowerX, direction) => {
      const from = Math.max(firstRow, centreFrom(upperY, origin.y, pixelSize.y));
      const to = Math.min(firstRow + rows, centreFrom(lowerY, origin.y, pixelSize.y));
      const slope = (lowerX - upperX) / (lowerY - upperY);
      for (let row = from; row < to; row++) {
        const x = upperX + (origin.y + (row + 0.5) * pixelSize.y - upperY) * slope;
        const column = centreFrom(x, origin.x, pixelSize.x) - firstColumn;
        if (column >= columns) continue;
        const cell = (row - firstRow) * stride + Math.max(0, column);
        winding[cell] = (winding[cell] ?? 0) + direction;
      }
    });
    for (let row = 0; row < rows; row++) {
      let count = 0;
      const out = (targetRow + row) * targetWidth + targetColumn;
      for (let column = 0; column < columns; column++) {
        count += winding[row * stride + column] ?? 0;
        if (count !== 0) target[out + column] = value;
      }
    }
  }
}

/** Rows of a grid that are painted at a time. */
interface Strip {
  readonly grid: RasterGrid;
  readonly firstRow: number;
  readonly rows: number;
  readonly data: Uint8Array;
}

/** The part of a strip that a polygon can reach, and where it goes in the target. */
interface Window {
  readonly firstColumn: number;
  readonly firstRow: number;
  readonly columns: number;
  readonly rows: number;
  readonly targetColumn: number;
  readonly targetRow: number;
}

function windowOf(box: Level0Box, { grid, firstRow: stripRow, rows: stripRows }: Strip): Window | null {
  const { origin, pixelSize, width } = grid;
  const firstColumn = Math.max(0, centreFrom(box.left, origin.x, pixelSize.x));
  const firstRow = Math.max(stripRow, centreFrom(box.top, origin.y, pixelSize.y));
  const columns = Math.min(width, centreFrom(box.right, origin.x, pixelSize.x)) - firstColumn;
  const rows = Math.min(stripRow + stripRows, centreFrom(box.bottom, origin.y, pixelSize.y)) - firstRow;
  if (columns <= 0 || rows <= 0) return null;
  return { firstColumn, firstRow, columns, rows, targetColumn: firstColumn, targetRow: firstRow };
}

/** Number of the first column or row whose centre is at `position` or beyond. */
function centreFrom(position: number, origin: number, pixelSize: number): number {
  return Math.ceil((position - origin) / pixelSize - 0.5);
}

function indexPolygon({ outer, holes }: Level0Polygon): IndexedPolygon {
  return { outer: new EdgeIndex(outer), holes: holes.map((hole) => new EdgeIndex(hole)) };
}

function boxOf({ origin, pixelSize, width, height }: RasterGrid): Level0Box {
  return {
    left: origin.x,
    top: origin.y,
    right: origin.x + width * pixelSize.x,
    bottom: origin.y + height * pixelSize.y,
  };
}

function around(a: Level0Box, b: Level0Box): Level0Box {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

function overlap(a: Level0Box, b: Level0Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function checkGrid({ width, height, pixelSize, origin }: RasterGrid): void {
  const isSize = (side: number): boolean => Number.isInteger(side) && side > 0;
  const isScale = (size: number): boolean => size > 0 && Number.isFinite(size);
  const isPlace = Number.isFinite(origin.x) && Number.isFinite(origin.y);
  if (isSize(width) && isSize(height) && isScale(pixelSize.x) && isScale(pixelSize.y) && isPlace) return;
  throw new EpSamError("shape", {
    what: `nothing can be drawn on a grid of ${width} x ${height} pixels of ${pixelSize.x} x ${pixelSize.y}`,
  });
}
