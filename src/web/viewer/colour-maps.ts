import { interpolateCividis, interpolateViridis } from "d3-scale-chromatic";
import { DIFFERENCE_LEVELS, type LayerEntry } from "../../contract/index.js";

/** Red, green, blue and opacity, 0–255. */
export type Rgba = readonly [red: number, green: number, blue: number, opacity: number];

/** How a layer is coloured. All can be told apart with any colour vision. */
export const colourMapNames = [
  "viridis",
  "cividis",
  "blue",
  "orange",
  "tint",
  "outline",
  "tint-outline",
  "classes",
] as const;
export type ColourMapName = (typeof colourMapNames)[number];

/** What the choice is called. */
export const colourMapTitles: Readonly<Record<ColourMapName, string>> = {
  viridis: "Viridis",
  cividis: "Cividis",
  blue: "Blue, clear at 0",
  orange: "Orange, clear at 0",
  tint: "Tint",
  outline: "Outline",
  "tint-outline": "Tint and outline",
  classes: "Classes",
};

/** The maps that suit what a layer's grey levels mean; the first is the default. */
export function mapsFor(values: LayerEntry["values"]): readonly ColourMapName[] {
  if (values === "fraction") return ["viridis", "cividis", "blue", "orange"];
  return values === "mask" ? ["tint-outline", "outline", "tint"] : ["classes"];
}

/** Colours of Okabe and Ito (2008): told apart by protanopes, deuteranopes and tritanopes. */
export const palette = {
  blue: [0, 114, 178],
  orange: [230, 159, 0],
  green: [0, 158, 115],
  sky: [86, 180, 233],
  black: [0, 0, 0],
  vermillion: [213, 94, 0],
} as const satisfies Record<string, readonly [number, number, number]>;

/** What a mask of this kind is drawn in: kinds that lie over each other differ. */
export const maskColours: Readonly<Record<LayerEntry["kind"], readonly [number, number, number]>> = {
  "tumour-mask": palette.blue,
  "ground-truth": palette.orange,
  "tissue-mask": palette.green,
  probability: palette.blue,
  "class-activation-map": palette.blue,
  difference: palette.blue,
};

/** Classes of the difference to the ground truth, with their legend: of the palette, the three farthest apart. */
export const differenceClasses = [
  { level: DIFFERENCE_LEVELS.truePositive, title: "Tumour in both", colour: palette.sky },
  { level: DIFFERENCE_LEVELS.falsePositive, title: "Only in the result", colour: palette.orange },
  { level: DIFFERENCE_LEVELS.falseNegative, title: "Only in the truth", colour: palette.black },
] as const;

/** Colour and opacity of each of the 256 grey levels. */
export type ColourTable = readonly Rgba[];

/** The table of a map for a kind of layer. */
export function colourTable(map: ColourMapName, kind: LayerEntry["kind"]): ColourTable {
  return Array.from({ length: 256 }, (_, level) => colourOf(map, kind, level));
}

const CLEAR: Rgba = [0, 0, 0, 0];

function colourOf(map: ColourMapName, kind: LayerEntry["kind"], level: number): Rgba {
  switch (map) {
    case "viridis":
      return opaque(interpolateViridis(level / 255));
    case "cividis":
      return opaque(interpolateCividis(level / 255));
    case "blue":
      return [...palette.blue, level];
    case "orange":
      return [...palette.vermillion, level];
    case "classes": {
      const found = differenceClasses.find((entry) => entry.level === level);
      return found === undefined ? CLEAR : [...found.colour, 255];
    }
    case "tint":
    case "tint-outline":
      return level < 128 ? CLEAR : [...maskColours[kind], 95];
    case "outline":
      return CLEAR;
  }
}

/** d3's maps answer `#rrggbb` or `rgb(r, g, b)`. */
function opaque(colour: string): Rgba {
  const [, ...hex] = /^#(..)(..)(..)$/.exec(colour) ?? [];
  const parts =
    hex.length === 3
      ? hex.map((part) => Number.parseInt(part, 16))
      : (colour.match(/[\d.]+/g) ?? []).map(Number);
  const [red = 0, green = 0, blue = 0] = parts;
  return [red, green, blue, 255];
}

/** A colour for CSS. */
export function cssColour([red, green, blue]: readonly number[]): string {
  return `rgb(${red} ${green} ${blue})`;
}
