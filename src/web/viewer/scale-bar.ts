/** A scale bar: how long it is on the screen and what it says. */
export interface ScaleBar {
  /** CSS pixels. */
  readonly length: number;
  readonly label: string;
}

/** The longest bar of 1, 2 or 5 times a power of ten that fits. */
function roundLength(longest: number): number {
  const power = 10 ** Math.floor(Math.log10(longest));
  const factor = [5, 2, 1].find((candidate) => candidate * power <= longest) ?? 1;
  return factor * power;
}

/**
 * The scale bar for a view: in µm or mm, in pixels of level 0 where the slide tells no resolution.
 * @param zoom CSS pixels per level-0 pixel
 * @param longest CSS pixels that it may take
 */
export function scaleBar(zoom: number, micronsPerPixel: number | null, longest: number): ScaleBar {
  if (micronsPerPixel === null) {
    const pixels = Math.max(1, roundLength(longest / zoom));
    return { length: pixels * zoom, label: `${withSeparators(pixels)} px` };
  }
  const microns = roundLength((longest / zoom) * micronsPerPixel);
  return { length: (microns / micronsPerPixel) * zoom, label: lengthText(microns) };
}

/** A length for people: nanometres are written as fractions of a µm, thousands of µm as mm. */
export function lengthText(microns: number): string {
  if (microns >= 1000) return `${significant(microns / 1000)} mm`;
  return `${significant(microns)} µm`;
}

/** An area for people, in µm² or mm². */
export function areaText(squareMicrons: number): string {
  return squareMicrons >= 10_000
    ? `${significant(squareMicrons / 1e6)} mm²`
    : `${significant(squareMicrons)} µm²`;
}

/**
 * What an objective would have to magnify to show this: 10 µm wide pixels stand for 1×, as 0.25 µm stand for 40×.
 * Null where neither resolution nor objective is known.
 */
export function magnificationOf(
  zoom: number,
  micronsPerPixel: number | null,
  objectivePower: number | null,
): number | null {
  if (micronsPerPixel !== null) return (10 * zoom) / micronsPerPixel;
  return objectivePower === null ? null : objectivePower * zoom;
}

/** A magnification with as many digits as say something. */
export function magnificationText(magnification: number): string {
  return `${significant(magnification, 2)}×`;
}

/** A whole number with thin spaces between thousands. */
export function withSeparators(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function significant(value: number, digits = 3): string {
  if (value >= 10 ** digits) return withSeparators(value);
  return String(Number(value.toPrecision(digits)));
}
