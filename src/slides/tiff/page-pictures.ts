import { isRemotePath, type RandomAccessFile } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { type ComparedPicture, isLevelOf, TiledPictures } from "../looks-alike.js";
import type { PyramidLevel } from "./dialect.js";
import type { TiffPage } from "./page.js";
import { SegmentReader } from "./segment-reader.js";

/** Tells which pages show the same as others, by what they hold. */
export class Lookalikes {
  readonly #file: RandomAccessFile;
  readonly #pictures = new TiledPictures();

  constructor(file: RandomAccessFile) {
    this.#file = file;
  }

  /** {@link isLevelOf}, of pages. */
  isLevelOf(above: PyramidLevel, level: PyramidLevel, ifDamaged: boolean): Promise<boolean> {
    return isLevelOf(this.#pictureOf(above), this.#pictureOf(level), ifDamaged);
  }

  /** A page without its padding. */
  #pictureOf({ page, width, height }: PyramidLevel): ComparedPicture {
    return { ...this.#pictures.of(page.name, pageGrid(this.#file, page)), width, height };
  }
}

/** A page's tiles or strips for {@link readTiles}. */
export function pageGrid(file: RandomAccessFile, page: TiffPage) {
  const reader = new SegmentReader(file, page);
  const { width, height, segmentation } = page;
  const readTile = (column: number, row: number): Promise<RgbImage | null> => reader.read(column, row);
  const tile = { tileWidth: segmentation.width, tileHeight: segmentation.height };
  return { width, height, ...tile, isRemote: isRemotePath(file.path), readTile };
}
