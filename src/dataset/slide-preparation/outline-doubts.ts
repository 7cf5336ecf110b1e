import type { RasterGrid, TumourRegion } from "../../annotations/index.js";
import { isEpSamError } from "../../common/index.js";
import type { Level0Box } from "../../geometry/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { type PixelSource, readThumbnail } from "../../slides/index.js";

/** Pixels along the longer side of the picture that outlines are laid over. */
const PLACES = 96;
/** Larger pictures than this (in pixels of the level that would be read) are not read for it. */
const MOST_PIXELS = 2 ** 25;
/** Share of the variance of the slide's colours that outlines laid in another way must explain, and how many times that of these. */
const LEAST_EXPLAINED = 0.08;
const TIMES_BETTER = 5;
/** Outlines laid in another way must lie on the slide, but for this share of its width and height. */
const BEYOND = 0.01;

/** A way in which outlines may be wrong: where the point that a file gives as x, y is meant to lie. */
interface Mistake {
  /** What would have to be done to the outlines. */
  readonly mended: string;
  readonly scale: number;
  readonly isTransposed?: boolean;
  readonly isUpsideDown?: boolean;
}

const MISTAKES: readonly Mistake[] = [
  { mended: "with x and y exchanged", scale: 1, isTransposed: true },
  { mended: "at twice the scale", scale: 2 },
  { mended: "at half the scale", scale: 0.5 },
  { mended: "at four times the scale", scale: 4 },
  { mended: "with y counted from below", scale: 1, isUpsideDown: true },
];

/**
 * What is told of outlines that the slide's colours know nothing of, although they do of the same outlines with x and y
 * exchanged, at another scale, or upside down. Says nothing where the colours inside and outside hardly differ at all.
 * @throws what reading throws other than damage
 */
export async function outlineDoubts(
  source: PixelSource,
  tumour: TumourRegion,
  signal?: AbortSignal,
): Promise<string[]> {
  const [full] = source.levels;
  const { box } = tumour;
  const level = source.levels.findLast(({ width, height }) => Math.max(width, height) >= PLACES) ?? full;
  if (full === undefined || level === undefined || box === null) return [];
  if (level.width * level.height > MOST_PIXELS) return [];
  const picture = await readThumbnail(source, PLACES, { signal }).catch((failure: unknown) => {
    // A damaged tile matters where patches are read.
    if (isEpSamError(failure, "slide")) return null;
    throw failure;
  });
  if (picture === null) return [];
  const explained = (mistake: Mistake): number => explainedBy(picture, full, tumour, mistake);
  const told = explained({ mended: "", scale: 1 });
  const likely = MISTAKES.filter((mistake) => isOn(mended(box, full, mistake), full))
    .map((mistake) => ({ ...mistake, share: explained(mistake) }))
    .sort((one, other) => other.share - one.share)[0];
  if (likely === undefined || likely.share < Math.max(LEAST_EXPLAINED, TIMES_BETTER * told)) return [];
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return [
    `the outlined tumour tells ${percent(told)} of how the slide's colours vary, ${likely.mended} it would tell ${percent(likely.share)}: look at the outlines on the slide, and check that they are x, y in pixels of its full resolution; if they are, all is well`,
  ];
}

type Colour = [number, number, number];
type Size = Pick<RgbImage, "width" | "height">;

function mended(box: Level0Box, { height }: Size, { scale, isTransposed, isUpsideDown }: Mistake): Level0Box {
  const [left, top, right, bottom] = [
    box.left * scale,
    box.top * scale,
    box.right * scale,
    box.bottom * scale,
  ];
  if (isTransposed === true) return { left: top, top: left, right: bottom, bottom: right };
  if (isUpsideDown === true) return { left, top: height - bottom, right, bottom: height - top };
  return { left, top, right, bottom };
}

function isOn({ left, top, right, bottom }: Level0Box, { width, height }: Size): boolean {
  const [across, down] = [BEYOND * width, BEYOND * height];
  return left >= -across && top >= -down && right <= width + across && bottom <= height + down;
}

/** The share of the variance of a picture's colours that lies between what is inside of the outlines, mended so, and outside. */
function explainedBy(
  picture: RgbImage,
  full: Size,
  tumour: TumourRegion,
  { scale, isTransposed, isUpsideDown }: Mistake,
): number {
  const { width, height } = picture;
  const [x, y] = [full.width / width / scale, full.height / height / scale];
  const grid: RasterGrid = {
    origin: { space: "level-0", x: 0, y: 0 },
    ...(isTransposed === true
      ? { width: height, height: width, pixelSize: { x: y, y: x } }
      : { width, height, pixelSize: { x, y } }),
  };
  const mask = tumour.rasterise(grid);
  const isInside = (column: number, row: number): boolean => {
    if (isTransposed === true) return mask.data[column * mask.width + row] === 1;
    const line = isUpsideDown === true ? height - 1 - row : row;
    return mask.data[line * mask.width + column] === 1;
  };
  return betweenShare(picture, isInside);
}

/** Of the variance of colours, the share between two parts of a picture; 0 where one of them is empty. */
function betweenShare(
  { width, height, data }: RgbImage,
  isInside: (column: number, row: number) => boolean,
): number {
  const sums: [Colour, Colour] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  let [inside, squares] = [0, 0];
  for (let pixel = 0; pixel < width * height; pixel++) {
    const part = isInside(pixel % width, Math.floor(pixel / width)) ? 1 : 0;
    inside += part;
    for (const channel of [0, 1, 2] as const) {
      const value = data[3 * pixel + channel] ?? 0;
      sums[part][channel] += value;
      squares += value * value;
    }
  }
  const all = width * height;
  const outside = all - inside;
  if (inside === 0 || outside === 0) return 0;
  let [total, between] = [squares / all, 0];
  for (const channel of [0, 1, 2] as const) {
    const [out, within] = [sums[0][channel], sums[1][channel]];
    total -= ((out + within) / all) ** 2;
    between += ((inside * outside) / all ** 2) * (within / inside - out / outside) ** 2;
  }
  return total <= 0 ? 0 : between / total;
}
