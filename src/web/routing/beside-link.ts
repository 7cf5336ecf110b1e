import type { ViewState } from "../viewer/handle.js";
import {
  type LayerSetting,
  layerText,
  parseLayer,
  parseView,
  type QueryParts,
  viewParts,
} from "./link-parts.js";

/**
 * How places of one slide belong to those of another: `there = scale · turn(here) + (x, y)`, in microns where both tell
 * a resolution, else in the longer side of each slide.
 */
export interface Alignment {
  readonly scale: number;
  /** Degrees, clockwise. */
  readonly turn: number;
  readonly x: number;
  readonly y: number;
}

/** What is seen beside a slide, or under its curtain. */
export interface Beside {
  /** It may be the same slide, with another layer. */
  readonly slide: string;
  readonly layers: readonly LayerSetting[];
  /** Where the curtain is, from 0 on the left to 1; null: the two are side by side. */
  readonly curtain: number | null;
  /** How the two were aligned; null: by their places. */
  readonly alignment: Alignment | null;
  /** Where the other looks while it is let go; null: the two move together. */
  readonly released: ViewState | null;
}

export function besideParts(beside: Beside | null): QueryParts {
  if (beside === null) return [];
  const { slide, layers, curtain, alignment, released } = beside;
  const digits = (value: number) => Number(value.toPrecision(7));
  return [
    ["with", slide],
    ...layers.map((layer) => ["with-layer", layerText(layer)] as const),
    ["curtain", curtain === null ? null : Number(curtain.toFixed(3))],
    [
      "align",
      alignment === null
        ? null
        : [alignment.scale, alignment.turn, alignment.x, alignment.y].map(digits).join(","),
    ],
    ...viewParts(released, "with-"),
  ];
}

export function parseBeside(values: URLSearchParams): Beside | null {
  const slide = values.get("with");
  if (slide === null || slide === "") return null;
  const curtain = numberIn(values.get("curtain"));
  return {
    slide,
    layers: values.getAll("with-layer").flatMap(parseLayer),
    curtain: curtain !== null && curtain >= 0 && curtain <= 1 ? curtain : null,
    alignment: parseAlignment(values.get("align")),
    released: parseView(values, "with-"),
  };
}

function parseAlignment(text: string | null): Alignment | null {
  const [scale, turn, x, y] = (text ?? "").split(",").map(numberIn);
  if (scale === null || scale === undefined || scale <= 0) return null;
  return typeof turn === "number" && typeof x === "number" && typeof y === "number"
    ? { scale, turn, x, y }
    : null;
}

function numberIn(text: string | null): number | null {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
