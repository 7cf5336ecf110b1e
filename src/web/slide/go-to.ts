import type { Position } from "../../contract/index.js";

/** What coordinates are counted in: pixels of level 0, or µm. */
export type CoordinateUnit = "px" | "µm";

interface Plane {
  readonly size: { readonly width: number; readonly height: number };
  /** Null where the slide does not tell: there are only pixels then. */
  readonly micronsPerPixel: { readonly x: number; readonly y: number } | null;
}

/** Coordinates as they were typed. */
export interface TypedPlace {
  readonly x: string;
  readonly y: string;
  readonly unit: CoordinateUnit;
}

/** The position that coordinates name, or what is wrong with which of them. */
export function readPlace(
  { x, y, unit }: TypedPlace,
  plane: Plane,
): { readonly position: Position } | { readonly errors: { readonly x?: string; readonly y?: string } } {
  const scale = unit === "px" ? null : plane.micronsPerPixel;
  const [across, down] = [
    readOne(x, plane.size.width, scale?.x ?? 1, unit),
    readOne(y, plane.size.height, scale?.y ?? 1, unit),
  ];
  if (typeof across === "number" && typeof down === "number") return { position: [across, down] };
  return {
    errors: {
      ...(typeof across === "string" ? { x: across } : {}),
      ...(typeof down === "string" ? { y: down } : {}),
    },
  };
}

/** A position as it would be typed. */
export function typedPlace([x, y]: Position, unit: CoordinateUnit, plane: Plane): TypedPlace {
  const scale = unit === "px" ? null : plane.micronsPerPixel;
  const text = (value: number, factor: number) => String(Math.round(value * factor * 100) / 100);
  return { x: text(x, scale?.x ?? 1), y: text(y, scale?.y ?? 1), unit };
}

/**
 * Pixels, or what is wrong. A comma is a decimal point, blanks group digits; of `1,200` nobody knows which of both the
 * comma is.
 */
function readOne(text: string, most: number, factor: number, unit: CoordinateUnit): number | string {
  if (/,\d{3}$/.test(text.trim())) return "Write thousands without a comma, and decimals with a point.";
  const plain = text.replace(/[\s\u202f]/g, "").replace(",", ".");
  const end = Math.round(most * factor * 100) / 100;
  const value = /^\d*\.?\d+$/.test(plain) ? Number(plain) : Number.NaN;
  if (value >= 0 && value <= end) return Math.min(most, value / factor);
  return `Give a number from 0 to ${end} ${unit}.`;
}
