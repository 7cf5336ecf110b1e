import { slideError } from "../slide-error.js";
import type { DataSet } from "./data-set.js";
import { DicomTag } from "./tags.js";

/** Where the frames of a sparse image lie, gathered from Per-Frame Functional Groups one after another. */
export class FramePositions {
  readonly #path: string;
  readonly #limit: number;
  #columns = new Int32Array(1024);
  #rows = new Int32Array(1024);
  #count = 0;
  #placed = 0;

  constructor(path: string, limit: number) {
    this.#path = path;
    this.#limit = limit;
  }

  /** Frames that have a place. */
  get placed(): number {
    return this.#placed;
  }

  /** Takes the next frame's item. */
  add(item: DataSet): void {
    if (this.#count >= this.#limit) {
      throw slideError(this.#path, "has an impossible number of frames", `more than ${this.#limit}`);
    }
    if (this.#count === this.#columns.length) this.#grow();
    const place = item.items(DicomTag.planePosition)[0];
    const column = place?.signed(DicomTag.columnPosition);
    const row = place?.signed(DicomTag.rowPosition);
    if (column !== undefined && row !== undefined) {
      this.#columns[this.#count] = column;
      this.#rows[this.#count] = row;
      this.#placed += 1;
    }
    this.#count += 1;
  }

  /**
   * Calls `place` for every frame with the tile it covers, counted from 0.
   * @throws EpSamError `slide` when a frame lies outside the image or not on the grid of tiles
   */
  forEachTile(
    tileWidth: number,
    tileHeight: number,
    place: (frame: number, column: number, row: number) => void,
  ): void {
    for (let frame = 0; frame < this.#placed; frame++) {
      // Positions count from 1 (PS3.3, section C.8.12.6.1).
      const column = ((this.#columns[frame] ?? 0) - 1) / tileWidth;
      const row = ((this.#rows[frame] ?? 0) - 1) / tileHeight;
      if (!(Number.isInteger(column) && Number.isInteger(row) && column >= 0 && row >= 0)) {
        throw slideError(
          this.#path,
          "has frames that do not lie on a grid of tiles",
          `frame ${frame} at column ${this.#columns[frame]}, row ${this.#rows[frame]}`,
          "Convert it to DICOM with TILED_FULL or to a tiled pyramidal TIFF.",
        );
      }
      place(frame, column, row);
    }
  }

  #grow(): void {
    const columns = new Int32Array(this.#columns.length * 2);
    const rows = new Int32Array(columns.length);
    columns.set(this.#columns);
    rows.set(this.#rows);
    this.#columns = columns;
    this.#rows = rows;
  }
}
