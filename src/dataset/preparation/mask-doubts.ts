import { basename } from "node:path";
import type { Mask, RgbImage } from "../../imaging/index.js";
import { listNames } from "../list-names.js";

/** Pictures are looked at in so many places a row and column at most. */
const PLACES = 256;
/** Glass is nearly white: its darkest channel, and what the channels differ by. */
const GLASS = 200;
const GLASS_SPREAD = 20;
/** Less of a picture is no glass around tissue. */
const LEAST_GLASS = 0.05;
/** Shares of the glass that is called tumour, and of the tumour that lies on glass, from which a mask is doubted. */
const DOUBTED_GLASS = 0.9;
const DOUBTED_TUMOUR = 0.5;

/** What a mask says of its picture, as far as that tells whether it is upside down or another picture's. */
export interface MaskLooks {
  readonly hasBoth: boolean;
  /** Whether all along the border is tumour, and something inside is not. */
  readonly bordersTumour: boolean;
  /** Share of the empty glass that reaches the border which is called tumour, and of the tumour which lies there; null without such glass. */
  readonly glass: { readonly called: number; readonly holds: number } | null;
}

/** Looks at a mask beside its picture, which has its size. */
export function looksOfMask(image: RgbImage, mask: Mask): MaskLooks {
  const { width, height } = image;
  const [columns, rows] = [Math.min(PLACES, width), Math.min(PLACES, height)];
  const tumour = new Uint8Array(columns * rows);
  const glass = new Uint8Array(columns * rows);
  for (let place = 0; place < tumour.length; place++) {
    const x = Math.floor((((place % columns) + 0.5) * width) / columns);
    const y = Math.floor(((Math.floor(place / columns) + 0.5) * height) / rows);
    const pixel = y * width + x;
    tumour[place] = mask.data[pixel] ?? 0;
    glass[place] = isGlass(image.data.subarray(3 * pixel, 3 * pixel + 3)) ? 1 : 0;
  }
  const border = borderOf(columns, rows);
  const hasBoth = tumour.includes(0) && tumour.includes(1);
  const outer = reachedFrom(border, glass, columns);
  const all = count(tumour, () => true);
  const onGlass = count(tumour, (place) => outer[place] === 1);
  const empty = count(outer, () => true);
  return {
    hasBoth,
    bordersTumour: hasBoth && border.every((place) => tumour[place] === 1),
    glass:
      empty < LEAST_GLASS * glass.length || all === 0
        ? null
        : { called: onGlass / empty, holds: onGlass / all },
  };
}

function isGlass(colour: Uint8Array): boolean {
  const darkest = Math.min(...colour);
  return darkest >= GLASS && Math.max(...colour) - darkest <= GLASS_SPREAD;
}

function count(places: Uint8Array, isCounted: (place: number) => boolean): number {
  return places.reduce((sum, value, place) => sum + (isCounted(place) ? value : 0), 0);
}

function borderOf(columns: number, rows: number): number[] {
  const places = Array.from({ length: columns * rows }, (_, place) => place);
  return places.filter((place) => {
    const [column, row] = [place % columns, Math.floor(place / columns)];
    return column === 0 || row === 0 || column === columns - 1 || row === rows - 1;
  });
}

/** The places that are reached from the first ones over open ones, side by side. */
function reachedFrom(first: readonly number[], open: Uint8Array, columns: number): Uint8Array {
  const reached = new Uint8Array(open.length);
  const left = first.filter((place) => open[place] === 1);
  for (const place of left) reached[place] = 1;
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const column = at % columns;
    const sides = [
      at - columns,
      at + columns,
      ...(column > 0 ? [at - 1] : []),
      ...(column < columns - 1 ? [at + 1] : []),
    ];
    for (const next of sides) {
      if (open[next] !== 1 || reached[next] === 1) continue;
      reached[next] = 1;
      left.push(next);
    }
  }
  return reached;
}

/** What is told of masks that call glass tumour, or of which most are tumour all around: they may be upside down. */
export function tellMaskDoubts(
  masks: readonly { readonly path: string; readonly looks: MaskLooks }[],
): string[] {
  const onGlass = masks.filter(
    ({ looks: { glass, hasBoth } }) =>
      glass !== null && ((hasBoth && glass.called >= DOUBTED_GLASS) || glass.holds > DOUBTED_TUMOUR),
  );
  const both = masks.filter(({ looks }) => looks.hasBoth);
  const around = both.filter(({ looks }) => looks.bordersTumour);
  const named = (of: typeof masks): string => listNames(of.map(({ path }) => basename(path)));
  const check =
    "Look at one beside its image: 255 is tumour, 0 is not; invert the masks if they mean it the other way round";
  return [
    ...(onGlass.length === 0
      ? []
      : [
          `${onGlass.length} of ${masks.length} masks call empty glass tumour (${named(onGlass)}: ${Math.round(100 * (onGlass[0]?.looks.glass?.called ?? 0))} % of the glass of the first, and ${Math.round(100 * (onGlass[0]?.looks.glass?.holds ?? 0))} % of its tumour lie there). ${check}, or give each image its own.`,
        ]),
    ...(2 * around.length <= both.length
      ? []
      : [
          `${around.length} of ${both.length} masks with both are tumour all along their border, and something else inside alone (${named(around)}). ${check}.`,
        ]),
  ];
}
