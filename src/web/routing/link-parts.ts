import { type ColourMapName, colourMapNames } from "../viewer/colour-maps.js";
import type { ViewState } from "../viewer/handle.js";

/** One layer as a link keeps it; layers that a link does not name are hidden. */
export interface LayerSetting {
  readonly id: string;
  /** 0 to 1. */
  readonly opacity: number;
  readonly map: ColourMapName;
}

export type QueryParts = readonly (readonly [name: string, value: string | number | null])[];

/** @param prefix of the names, where a link has several views */
export function viewParts(view: ViewState | null, prefix = ""): QueryParts {
  if (view === null) return [];
  const { centre, zoom, rotation } = view;
  return [
    [`${prefix}at`, `${rounded(centre[0], 1)},${rounded(centre[1], 1)}`],
    [`${prefix}zoom`, Number(zoom.toPrecision(5))],
    [`${prefix}turn`, rotation === 0 ? null : rounded(rotation, 1)],
  ];
}

export function parseView(values: URLSearchParams, prefix = ""): ViewState | null {
  const place = values.get(`${prefix}at`) ?? "";
  const [x, y] = place.split(",").map((text) => (text === "" ? Number.NaN : Number(text)));
  const zoom = Number(values.get(`${prefix}zoom`) ?? Number.NaN);
  const rotation = Number(values.get(`${prefix}turn`) ?? 0);
  if (x === undefined || y === undefined || ![x, y, zoom, rotation].every(Number.isFinite) || zoom <= 0)
    return null;
  return { centre: [x, y], zoom, rotation: ((rotation % 360) + 360) % 360 };
}

export function layerText({ id, opacity, map }: LayerSetting): string {
  return `${id}:${rounded(opacity, 2)}:${map}`;
}

/** The layer that a text of {@link layerText} names; none where it makes no sense. */
export function parseLayer(text: string): LayerSetting[] {
  const [, id, digits, name] = /^(.+):([\d.]+):([a-z-]+)$/.exec(text) ?? [];
  const opacity = Number(digits);
  const map = colourMapNames.find((candidate) => candidate === name);
  return id !== undefined && map !== undefined && opacity >= 0 && opacity <= 1 ? [{ id, opacity, map }] : [];
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
