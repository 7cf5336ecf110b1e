import type { HostTensors } from "../../graph/index.js";
import { floatTensor } from "../../graph/index.js";
import { type WindowPooling, windowInputs } from "./window-pooling.js";

/** A square of a patch with what is known of it, in pixels of the patch. */
export interface LabelledWindow {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly tumour: 0 | 1 | null;
  readonly other: 0 | 1 | null;
}

/** A map of cells laid over a patch. */
export interface CellGrid {
  /** Cells along each axis. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the patch between the centres of neighbouring cells; the first lies at half of it. */
  readonly stride: number;
}

/** Most windows of a patch and most cells of a window: what a graph is compiled for. */
export interface WindowSlots {
  readonly windows: number;
  readonly cells: number;
}

/** Cells whose centre lies in a window, row by row; the nearest one when there is none. */
export function cellsOfWindow(
  { x, y, size }: Omit<LabelledWindow, "tumour" | "other">,
  grid: CellGrid,
): number[] {
  const columns = cellsAlong(x, size, grid.width, grid.stride);
  return cellsAlong(y, size, grid.height, grid.stride).flatMap((row) =>
    columns.map((column) => row * grid.width + column),
  );
}

function cellsAlong(start: number, size: number, count: number, stride: number): number[] {
  const first = Math.max(0, Math.ceil(start / stride - 0.5));
  const end = Math.min(count, Math.ceil((start + size) / stride - 0.5));
  if (first < end) return Array.from({ length: end - first }, (_, index) => first + index);
  const nearest = Math.round((start + size / 2) / stride - 0.5);
  return [Math.min(count - 1, Math.max(0, nearest))];
}

/** The slots that any of the patches needs. */
export function windowSlots(patches: readonly (readonly LabelledWindow[])[], grid: CellGrid): WindowSlots {
  let cells = 1;
  for (const windows of patches) {
    for (const window of windows) cells = Math.max(cells, cellsOfWindow(window, grid).length);
  }
  return { windows: Math.max(1, ...patches.map(({ length }) => length)), cells };
}

/**
 * What {@link windowInputs} are fed with for a batch of patches. Slots that a patch does not need hold its first cell
 * with weight 0.
 */
export function windowFeeds(
  patches: readonly (readonly LabelledWindow[])[],
  grid: CellGrid,
  slots: WindowSlots,
  pooling: WindowPooling,
): HostTensors {
  const share = pooling.kind === "highest-share" ? pooling.share : 1;
  const count = patches.length * slots.windows;
  const cells = new BigInt64Array(count * slots.cells);
  const isCell = new Float32Array(count * slots.cells);
  const highest = new Float32Array(count).fill(1);
  const labels = new Float32Array(count * 2);
  const weights = new Float32Array(count * 2);
  patches.forEach((windows, image) => {
    const offset = image * grid.width * grid.height;
    for (let slot = 0; slot < slots.windows; slot++) {
      const window = windows[slot];
      const row = image * slots.windows + slot;
      const own = window === undefined ? [0] : cellsOfWindow(window, grid);
      cells.fill(BigInt(offset), row * slots.cells, (row + 1) * slots.cells);
      own.forEach((cell, index) => {
        cells[row * slots.cells + index] = BigInt(offset + cell);
        isCell[row * slots.cells + index] = 1;
      });
      highest[row] = Math.max(1, Math.round(own.length * share));
      [window?.tumour ?? null, window?.other ?? null].forEach((presence, label) => {
        labels[row * 2 + label] = presence ?? 0;
        weights[row * 2 + label] = presence === null ? 0 : 1;
      });
    }
  });
  return {
    [windowInputs.cells]: { dataType: "int64", shape: [count, slots.cells], data: cells },
    [windowInputs.isCell]: floatTensor([count, slots.cells], isCell),
    ...(pooling.kind === "highest-share" ? { [windowInputs.highest]: floatTensor([count, 1], highest) } : {}),
    [windowInputs.labels]: floatTensor([count, 2], labels),
    [windowInputs.weights]: floatTensor([count, 2], weights),
  };
}
