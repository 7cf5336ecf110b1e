import {
  blendImages,
  blendMask,
  type Colour,
  colourMap,
  drawPoints,
  encodeJpeg,
  type FloatMap,
  type Mask,
  outlineMask,
  type RgbImage,
  resizeFloatMap,
  resizeMask,
  resizeRgb,
} from "../imaging/index.js";
import type { GalleryPanel } from "./report-data.js";

/** Width of the pictures in pixels; larger patches are made smaller, so that a report stays a few megabytes. */
const LARGEST_SIDE = 320;
const HEAT_OPACITY = 0.55;
const POINT_COLOUR: Colour = [255, 255, 255];

/** Colours of masks by what they are. */
export const MASK_COLOURS = {
  initial: [0, 158, 115],
  pseudoLabel: [230, 120, 0],
  prediction: [0, 158, 115],
  truth: [0, 90, 200],
} as const satisfies Record<string, Colour>;

/** A patch at the size of its pictures. */
export class PatchPictures {
  readonly #image: RgbImage;
  readonly #scale: number;

  constructor(patch: RgbImage) {
    this.#scale = Math.min(1, LARGEST_SIDE / Math.max(patch.width, patch.height));
    const side = (length: number) => Math.max(1, Math.round(length * this.#scale));
    this.#image =
      this.#scale === 1 ? patch : resizeRgb(patch, side(patch.width), side(patch.height), "bilinear");
  }

  image(): Promise<GalleryPanel> {
    return this.#panel("Image", "The patch as it was stained", this.#image);
  }

  /**
   * The activation map over the patch with its prompts.
   * @param coordinates of the points in patch pixels, x and y in turn; absent when there are none
   */
  activation(map: FloatMap, coordinates: Float32Array | undefined): Promise<GalleryPanel> {
    const { width, height } = this.#image;
    const heat = blendImages(this.#image, colourMap(resizeFloatMap(map, width, height)), HEAT_OPACITY);
    const count = (coordinates?.length ?? 0) / 2;
    const points = Array.from({ length: count }, (_, index) => ({
      x: ((coordinates?.[2 * index] ?? 0) + 0.5) * this.#scale - 0.5,
      y: ((coordinates?.[2 * index + 1] ?? 0) + 0.5) * this.#scale - 0.5,
    }));
    const picture = drawPoints(heat, points, POINT_COLOUR, Math.max(2.5, width / 96));
    const caption =
      count === 0 ? "Class activation map, no prompts" : `Class activation map, ${count} prompts`;
    return this.#panel(
      caption,
      "Activation from violet (low) to yellow (high), prompts as white dots",
      picture,
    );
  }

  /** A mask tinted over the patch, with its outline. */
  mask(caption: string, alt: string, mask: Mask, colour: Colour): Promise<GalleryPanel> {
    const { width, height } = this.#image;
    const fitted = resizeMask(mask, width, height);
    const tinted = blendMask(this.#image, fitted, colour);
    const shownCaption = mask.data.includes(1) ? caption : `${caption}: empty`;
    return this.#panel(
      shownCaption,
      alt,
      outlineMask(tinted, fitted, colour, Math.max(1, Math.round(width / 128))),
    );
  }

  async #panel(caption: string, alt: string, picture: RgbImage): Promise<GalleryPanel> {
    const jpeg = await encodeJpeg(picture);
    return { caption, alt, dataUri: `data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}` };
  }
}
