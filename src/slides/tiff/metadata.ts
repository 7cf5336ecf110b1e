import type { MicronsPerPixel } from "../pixel-source.js";
import type { TiffDirectory } from "./directory.js";
import { TiffTag } from "./tags.js";

const TEXT_TAGS = [
  "ImageDescription",
  "Make",
  "Model",
  "Software",
  "DateTime",
  "Artist",
  "Copyright",
] as const;

/** A number as metadata spell it, some with a decimal comma; null when it is none or not positive. */
export function positiveNumber(text: string | undefined): number | null {
  if (text === undefined || text.trim() === "") return null;
  const value = Number(text.trim().replace(",", "."));
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** Both sides' resolution; null unless both are there. */
export function micronsPerPixel(x: number | null, y: number | null): MicronsPerPixel | null {
  return x === null || y === null ? null : { x, y };
}

/** What is told of metadata that name a resolution nobody can read; none where they name none. */
export function unreadResolution(read: MicronsPerPixel | null, told: string | undefined): string[] {
  if (read !== null || told === undefined || told.trim() === "") return [];
  return [`tells its resolution as "${told.trim()}", which is no length of a pixel; it counts as unknown`];
}

/** Microns per pixel by the tags XResolution, YResolution and ResolutionUnit; null without them. */
export async function taggedMicronsPerPixel(directory: TiffDirectory): Promise<MicronsPerPixel | null> {
  const unit = await directory.number(TiffTag.ResolutionUnit, 2);
  const micronsPerUnit = unit === 3 ? 10_000 : unit === 2 ? 25_400 : null;
  const x = await directory.rational(TiffTag.XResolution);
  const y = await directory.rational(TiffTag.YResolution);
  if (micronsPerUnit === null || x === null || y === null || x <= 0 || y <= 0) return null;
  return { x: micronsPerUnit / x, y: micronsPerUnit / y };
}

/** The texts and numbers of a directory that describe the slide, by tag name with the prefix `tiff.`. */
export async function tagProperties(directory: TiffDirectory): Promise<Record<string, string>> {
  const properties: Record<string, string> = {};
  for (const name of TEXT_TAGS) {
    const text = await directory.text(TiffTag[name]);
    if (text !== null) properties[`tiff.${name}`] = text;
  }
  for (const name of ["XResolution", "YResolution"] as const) {
    const value = await directory.rational(TiffTag[name]);
    if (value !== null) properties[`tiff.${name}`] = String(value);
  }
  const unit = await directory.number(TiffTag.ResolutionUnit, null);
  if (unit !== null)
    properties["tiff.ResolutionUnit"] = ["", "none", "inch", "centimeter"][unit] ?? String(unit);
  return properties;
}
