import type { MicronsPerPixel } from "../pixel-source.js";
import type { TiffContents } from "./contents.js";
import type { TiffPage } from "./page.js";

/** A level: its page, and its size where that is less than the page's because the rest is padding. */
export interface PyramidLevel {
  readonly page: TiffPage;
  /** Where red, green and blue are pages of their own: those of green and blue. */
  readonly otherColours?: readonly TiffPage[] | undefined;
  readonly width: number;
  readonly height: number;
}

/** A picture beside the pyramid: a page, or a whole JPEG file from the metadata. */
export type AssociatedImage = TiffPage | Uint8Array;

export interface SlideDescription {
  /** From full to least resolution, not empty. */
  readonly levels: readonly PyramidLevel[];
  readonly associatedImages: ReadonlyMap<string, AssociatedImage>;
  readonly micronsPerPixel: MicronsPerPixel | null;
  readonly objectivePower: number | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** A way of keeping a slide in a TIFF file. */
export interface TiffDialect {
  /** The format in the field's terms. */
  readonly format: string;
  detect(contents: TiffContents): boolean;
  /** @throws EpSamError `slide` when pages or metadata are not as the dialect needs them */
  describe(contents: TiffContents): Promise<SlideDescription>;
}
