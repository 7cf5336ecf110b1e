import { EpSamError } from "../common/index.js";
import type { Mask } from "../imaging/index.js";
import { latticeAlong } from "./preparation/lattice.js";
import type { PatchLabel, PatchRecord } from "./records.js";

/** What is known of one thing in a window: it is there (1), it is not (0), or nobody has said (null). */
export type Presence = 0 | 1 | null;

/** A square inside a patch with weak labels of its own; in pixels of the patch. */
export interface WindowLabel {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  /** Whether the window has tumour. */
  readonly tumour: Presence;
  /** Whether the window has anything that is no tumour. */
  readonly other: Presence;
}

/** Share of a window above which tumour, or other tissue, counts as there, where no rule says otherwise. */
export const PRESENCE_SHARE = 0.05;

/** Which windows of a patch are labelled, and from when on something counts as there. */
export interface WindowLabelRule {
  /** Side of a window in pixels of the patch. */
  readonly size: number;
  /** Pixels between neighbouring windows; a last row and column lie flush with the patch's border. */
  readonly stride: number;
  /** Share of a window above which tumour, or other tissue, counts as there; in [0, 1). */
  readonly share: number;
}

/**
 * The labels of a patch's windows as its mask tells them, row by row.
 * @param mask tumour of the patch, square
 * @param known pixels of which it is known whether they are tumour; all of them when left out
 * @throws EpSamError `shape` when the masks differ in size or a window does not fit
 */
export function labelWindows(mask: Mask, rule: WindowLabelRule, known?: Mask): WindowLabel[] {
  const { size, stride, share } = rule;
  if (size > Math.min(mask.width, mask.height)) {
    throw new EpSamError("shape", {
      what: `windows of ${size} pixels do not fit into a patch of ${mask.width} x ${mask.height}`,
      action: "Choose smaller windows or larger patches.",
    });
  }
  const tumour = summedArea(mask);
  const unknown = known === undefined ? null : summedArea(inverted(known, mask));
  const least = share * size * size;
  const presence = (surely: number, perhaps: number): Presence =>
    surely > least ? 1 : surely + perhaps > least ? null : 0;
  const xs = latticeAlong(mask.width, size, stride, "align");
  return latticeAlong(mask.height, size, stride, "align").flatMap((y) =>
    xs.map((x) => {
      const doubtful = unknown === null ? 0 : sumOf(unknown, mask.width, x, y, size);
      const marked = sumOf(tumour, mask.width, x, y, size);
      return {
        x,
        y,
        size,
        tumour: presence(marked, doubtful),
        other: presence(size * size - marked - doubtful, doubtful),
      };
    }),
  );
}

/** Every pair of what can be known of a window, in the order of the digits that stand for them. */
const PRESENCES: readonly Presence[] = [0, 1, null];

/** What is known of windows as one digit each, in their order, for files that hold many. */
export function encodePresence(windows: readonly WindowLabel[]): string {
  return windows
    .map(({ tumour, other }) => PRESENCES.indexOf(tumour) * PRESENCES.length + PRESENCES.indexOf(other))
    .join("");
}

/** The windows that {@link encodePresence} wrote. */
export function decodeWindows(
  digits: string,
  { size, stride }: WindowLabelRule,
  patchSize: number,
): WindowLabel[] {
  const starts = latticeAlong(patchSize, size, stride, "align");
  return [...digits].map((digit, index) => ({
    x: starts[index % starts.length] ?? 0,
    y: starts[Math.floor(index / starts.length)] ?? 0,
    size,
    tumour: PRESENCES[Math.floor(Number(digit) / PRESENCES.length)] ?? null,
    other: PRESENCES[Number(digit) % PRESENCES.length] ?? null,
  }));
}

/** The windows of a patch: its own, or the patch as a whole with the label it has. */
export function windowsOf(
  patch: Pick<PatchRecord, "label" | "windows">,
  patchSize: number,
): readonly WindowLabel[] {
  if (patch.windows !== undefined) return patch.windows;
  return [{ x: 0, y: 0, size: patchSize, tumour: patch.label, other: patch.label === 0 ? 1 : null }];
}

/** The label of a patch of which windows are labelled: 1 when one of them has tumour. */
export function labelOfWindows(windows: readonly WindowLabel[]): PatchLabel {
  return windows.some(({ tumour }) => tumour === 1) ? 1 : 0;
}

/** Whether windows tell nothing at all. */
export function tellsNothing(windows: readonly WindowLabel[]): boolean {
  return windows.every(({ tumour, other }) => tumour === null && other === null);
}

/** What weak labels say of every pixel of a patch: bits, so that windows which contradict each other set both. */
export const KnownClass = { unknown: 0, noTumour: 1, tumour: 2 } as const;

/**
 * What a patch's windows say of its pixels: those of a window without tumour are none, those of a window of nothing
 * but tumour are tumour. All others are unknown, and so are those that two windows say different things of.
 * @returns one value of {@link KnownClass} per pixel, row by row
 */
export function knownPixels(windows: readonly WindowLabel[], patchSize: number): Uint8Array {
  const known = new Uint8Array(patchSize * patchSize);
  for (const { x, y, size, tumour, other } of windows) {
    const says = (tumour === 0 ? KnownClass.noTumour : 0) | (other === 0 ? KnownClass.tumour : 0);
    if (says === 0) continue;
    for (let row = y; row < y + size; row++) {
      for (let at = row * patchSize + x; at < row * patchSize + x + size; at++) {
        known[at] = (known[at] ?? 0) | says;
      }
    }
  }
  return known.map((says) =>
    says === (KnownClass.noTumour | KnownClass.tumour) ? KnownClass.unknown : says,
  );
}

/**
 * Whether it is known of a patch without tumour that it has none anywhere: windows of others may leave parts open.
 * @param patch of the label 0
 */
export function isFreeOfTumour({ windows }: Pick<PatchRecord, "windows">, patchSize: number): boolean {
  if (windows === undefined) return true;
  return knownPixels(windows, patchSize).every((says) => says === KnownClass.noTumour);
}

/**
 * A mask that obeys weak labels: empty where there is no tumour, full where there is nothing else. Pixels of which
 * nothing is known, or two things, stay.
 * @param mask square
 */
export function imposeLabels(mask: Mask, windows: readonly WindowLabel[]): Mask {
  const known = knownPixels(windows, mask.width);
  const values: ReadonlyMap<number | undefined, number> = new Map([
    [KnownClass.noTumour, 0],
    [KnownClass.tumour, 1],
  ]);
  return { ...mask, data: mask.data.map((value, pixel) => values.get(known[pixel]) ?? value) };
}

/** Sums over all pixels above and to the left, with a first row and column of zeros. */
function summedArea({ width, height, data }: Mask): Float64Array {
  const stride = width + 1;
  const sums = new Float64Array(stride * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      row += data[y * width + x] ?? 0;
      sums[(y + 1) * stride + x + 1] = (sums[y * stride + x + 1] ?? 0) + row;
    }
  }
  return sums;
}

function sumOf(sums: Float64Array, width: number, x: number, y: number, size: number): number {
  const at = (column: number, row: number): number => sums[row * (width + 1) + column] ?? 0;
  return at(x + size, y + size) - at(x, y + size) - at(x + size, y) + at(x, y);
}

function inverted(known: Mask, { width, height }: Mask): Mask {
  if (known.width !== width || known.height !== height) {
    throw new EpSamError("shape", {
      what: `what is known is ${known.width} x ${known.height} pixels, the mask ${width} x ${height}`,
    });
  }
  return { width, height, data: known.data.map((value) => 1 - value) };
}
