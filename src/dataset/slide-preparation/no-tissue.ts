import {
  dilateMask,
  type GreyImage,
  hsvSaturation,
  medianFilter,
  type RgbImage,
} from "../../imaging/index.js";

/** Stands for a saturation that red, orange or yellow ink may have: tissue, but none to tell tissue from glass by. */
export const STRONG = 252;
/** Stand for pixels that are no tissue whatever their saturation: even red and purple ink, green and blue ink, and dark or bright fields. */
export const EVEN_INK = 253;
export const INK = 254;
export const DARK = 255;
/** Flat squares are of five pixels a side, and a pixel lies anywhere in one. */
const FLAT_RADIUS = 2;
/** The square whose most pixels are ink where its other pixels are, too, and that pale ink reaches beyond those. */
const INK_SIDE = 5;
/** How many pixels around a pixel decide what it is: a flat square off it, which makes ink of what is around, twice. */
export const REACH_AROUND = 2 * FLAT_RADIUS + 3 * ((INK_SIDE - 1) / 2);

/** Brightness (the largest channel) below which saturation is noise, and below which greys are black ink or a border. */
const BLACK = 50;
const BLACK_GREY = 80;
/** Most that the channels of such a grey differ by. */
const GREY_SPREAD = 20;
/** Tissue this dark has texture; fields without are borders and padding, of whatever tint. */
const DARK_FIELD = 130;
/** Most that a channel varies by in a flat neighbourhood: the noise of a sensor. */
const FLAT_SPREAD = 16;
/** Beyond the glass lie bright fields, in colours that no stain has (all have more red than green): so much vary these. */
const BACKGROUND_SPREAD = 4;
/** So much vary yellow and brown fields: in tissue such colours are stains, whose cells differ more. */
const YELLOW_SPREAD = 8;
/**
 * Saturation of red and purple ink, and by how much its green is below. Blood and dense nuclei have such colours, too, but
 * not evenly: of real cells none lies in a flat square, of a pen's every second.
 */
const EVEN_INK_SATURATION = 150;
const EVEN_INK_GREEN = 60;
/** Saturation from which such a field may be taken for tissue, and that of pure colours: where constant, they are padding. */
const COLOURED = 40;
const PURE = 240;
const SHIFTS = [0, -FLAT_RADIUS, FLAT_RADIUS] as const;

/**
 * HSV saturation below {@link STRONG}, with {@link INK} and {@link DARK} in the place of pixels that are no tissue: nearly
 * black ones, whose saturation is noise; flat fields (padding, borders and what lies beyond the glass, tinted or not); green and blue
 * ink, and {@link EVEN_INK}. Haematoxylin, eosin, DAB, blood and melanin have more red than green. Other red ink cannot be
 * told from blood: it is tissue, and {@link STRONG}, since it would make glass of pale tissue.
 * @param image pixels of 8 to 32 level-0 pixels; those near its edges are judged by the neighbours that it has
 */
export function tissueSaturation(image: RgbImage, inkIsTissue: boolean): GreyImage {
  const saturation = hsvSaturation(image);
  for (let pixel = 0; pixel < saturation.data.length; pixel++) {
    const value = saturation.data[pixel] ?? 0;
    saturation.data[pixel] =
      isDark(image, pixel) || (value > COLOURED && isBrightField(image, pixel, value))
        ? DARK
        : inkIsTissue
          ? Math.min(value, STRONG)
          : inkOrSaturation(image, pixel, value);
  }
  return inkIsTissue ? saturation : withInkAround(image, withEvenInkAround(image, saturation));
}

/** Even ink reaches as far around its flat squares as its colour does. */
function withEvenInkAround(image: RgbImage, saturation: GreyImage): GreyImage {
  if (!saturation.data.includes(EVEN_INK)) return saturation;
  const isEven = { ...saturation, data: saturation.data.map((value) => (value === EVEN_INK ? 1 : 0)) };
  const around = dilateMask(isEven, INK_SIDE);
  const data = saturation.data.map((value, pixel) =>
    value < EVEN_INK && around.data[pixel] === 1 && hasEvenInkColour(image, pixel, value) ? EVEN_INK : value,
  );
  return { ...saturation, data };
}

/** Pixels among green and blue ink are ink, whatever shines through, and so are those beside it that have no more red than green. */
function withInkAround(image: RgbImage, saturation: GreyImage): GreyImage {
  if (!saturation.data.includes(INK)) return saturation;
  const isInk = { ...saturation, data: saturation.data.map((value) => (value === INK ? 1 : 0)) };
  const among = medianFilter(isInk, INK_SIDE);
  const beside = dilateMask(among, INK_SIDE);
  const data = saturation.data.map((value, pixel) => {
    if (value >= INK || beside.data[pixel] === 0) return value;
    const [red, green] = colourAt(image, pixel);
    return among.data[pixel] === 1 || green >= red ? INK : value;
  });
  return { ...saturation, data };
}

function isDark(image: RgbImage, pixel: number): boolean {
  const [red, green, blue] = colourAt(image, pixel);
  const brightness = Math.max(red, green, blue);
  if (brightness >= DARK_FIELD) return false;
  if (brightness < BLACK) return true;
  const spread = brightness - Math.min(red, green, blue);
  return (brightness <= BLACK_GREY && spread <= GREY_SPREAD) || isInFlat(image, pixel, FLAT_SPREAD);
}

function isBrightField(image: RgbImage, pixel: number, saturation: number): boolean {
  const [red, green, blue] = colourAt(image, pixel);
  if (green <= red && blue < green && isInFlat(image, pixel, YELLOW_SPREAD)) return true;
  if (green < red && saturation < PURE) return false;
  return isInFlat(image, pixel, green < red ? 0 : BACKGROUND_SPREAD);
}

function inkOrSaturation(image: RgbImage, pixel: number, saturation: number): number {
  const [red, green, blue] = colourAt(image, pixel);
  const isGreen = green >= red + 25 && green >= blue - 10 && saturation >= 80;
  const isBlue = blue >= red + 60 && green >= red - 10 && saturation >= 128;
  if (isGreen || isBlue) return INK;
  if (hasEvenInkColour(image, pixel, saturation) && isInFlat(image, pixel, FLAT_SPREAD)) return EVEN_INK;
  const isWarm = blue <= green + 30 && saturation >= 150;
  return isWarm ? STRONG : Math.min(saturation, STRONG - 1);
}

function hasEvenInkColour(image: RgbImage, pixel: number, saturation: number): boolean {
  const [red, green, blue] = colourAt(image, pixel);
  return saturation >= EVEN_INK_SATURATION && Math.max(red, blue) >= green + EVEN_INK_GREEN && green <= red;
}

function colourAt({ data }: RgbImage, pixel: number): readonly [number, number, number] {
  return [data[3 * pixel] ?? 0, data[3 * pixel + 1] ?? 0, data[3 * pixel + 2] ?? 0];
}

/** Whether a pixel lies in a flat square, in its middle or off it, as pixels at the rim of a field do. */
function isInFlat(image: RgbImage, pixel: number, spread: number): boolean {
  const [column, row] = [pixel % image.width, Math.floor(pixel / image.width)];
  return SHIFTS.some((down) => SHIFTS.some((right) => isFlat(image, column + right, row + down, spread)));
}

function isFlat({ width, height, data }: RgbImage, column: number, row: number, spread: number): boolean {
  if (column < 0 || row < 0 || column >= width || row >= height) return false;
  const left = Math.max(0, column - FLAT_RADIUS);
  const right = Math.min(width - 1, column + FLAT_RADIUS);
  const bottom = Math.min(height - 1, row + FLAT_RADIUS);
  for (let channel = 0; channel < 3; channel++) {
    let [least, most] = [255, 0];
    for (let y = Math.max(0, row - FLAT_RADIUS); y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const value = data[3 * (y * width + x) + channel] ?? 0;
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
      if (most - least > spread) return false;
    }
  }
  return true;
}
