import type { PixelSource } from "../slides/index.js";
import { textTable } from "./text-table.js";

const NO_RESOLUTION = "not in the file; give --mpp to the commands that need it";

/** What is known of a slide, for programs. */
export function slideRecord(slide: PixelSource, withProperties: boolean): Record<string, unknown> {
  const { path, format, levels, micronsPerPixel, objectivePower, associatedImages, warnings } = slide;
  const record = { path, format, levels, micronsPerPixel, objectivePower, associatedImages, warnings };
  return withProperties ? { ...record, properties: slide.properties } : record;
}

/** The same for people. */
export function slideText(slide: PixelSource, withProperties: boolean): string {
  const lines = [`${slide.path}: ${slide.format}`, ...facts(slide), ""];
  const rows = slide.levels.map(({ width, height, downsample, tileSize }, index) => [
    String(index),
    String(width),
    String(height),
    trimmed(downsample, 4),
    tileSize === null ? "none" : `${tileSize.width} × ${tileSize.height}`,
  ]);
  lines.push(
    ...textTable(["level", "width", "height", "downsample", "tiles"], rows).map((line) => `  ${line}`),
  );
  if (slide.warnings.length > 0) lines.push("", ...slide.warnings.map((text) => `  warning: ${text}`));
  if (withProperties) lines.push("", ...propertyLines(slide.properties));
  // Names and values come from the file.
  return lines.join("\n");
}

function facts({ levels, micronsPerPixel, objectivePower, associatedImages }: PixelSource): string[] {
  const [full] = levels;
  const size = full === undefined ? "" : `${full.width} × ${full.height} pixels`;
  const extent =
    full === undefined || micronsPerPixel === null
      ? ""
      : `, ${millimetres(full.width * micronsPerPixel.x)} × ${millimetres(full.height * micronsPerPixel.y)} mm`;
  const resolution =
    micronsPerPixel === null
      ? NO_RESOLUTION
      : `${trimmed(micronsPerPixel.x, 4)} × ${trimmed(micronsPerPixel.y, 4)} µm per pixel`;
  return [
    `  size        ${size}${extent}`,
    `  resolution  ${resolution}`,
    `  objective   ${objectivePower === null ? "not in the file" : `${trimmed(objectivePower, 2)}×`}`,
    `  associated  ${associatedImages.length === 0 ? "none" : associatedImages.join(", ")}`,
  ];
}

function millimetres(microns: number): string {
  return (microns / 1000).toFixed(2);
}

/** At most `digits` decimals, without zeros at the end. */
function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

function propertyLines(properties: PixelSource["properties"]): string[] {
  const names = Object.keys(properties).sort();
  if (names.length === 0) return ["  properties  none"];
  return ["  properties", ...names.map((name) => `    ${name}: ${oneLine(properties[name] ?? "")}`)];
}

/** Descriptions of several lines, as Aperio's, would break the list. */
function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 300 ? `${flat.slice(0, 300)}…` : flat;
}
