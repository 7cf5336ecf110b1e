import {
  type GreyImage,
  type Mask,
  maskAbove,
  openMask,
  percentile,
  resizeGreyBilinear,
} from "../imaging/index.js";
import type { Size } from "../models/index.js";

/** The authors' settings for their two data sets. */
export const initialMaskProfiles = ["camelyon17", "camelyon16"] as const;
export type InitialMaskProfile = (typeof initialMaskProfiles)[number];

/** How an activation map becomes a mask; what is absent or null is the profile's. */
export interface InitialMaskOptions {
  readonly profile: InitialMaskProfile;
  /** Pixels strictly above this percentile (0 to 100) of the map's non-zero levels are kept. */
  readonly percentile?: number | null;
  /** Instead of a percentile, pixels strictly above this activation (0 to 1 of the map's range) are kept. */
  readonly threshold?: number | null;
  /** Side of the square of the morphological opening, odd; 1 leaves the opening out. */
  readonly openingSize?: number | null;
}

interface ProfileSettings {
  /** Upscales before the threshold and the opening instead of after them. */
  readonly upscaleFirst: boolean;
  readonly percentile: number;
  readonly openingSize: number;
}

const settings: Readonly<Record<InitialMaskProfile, ProfileSettings>> = {
  camelyon17: { upscaleFirst: false, percentile: 30, openingSize: 5 },
  camelyon16: { upscaleFirst: true, percentile: 10, openingSize: 21 },
};

/**
 * The initial mask of an image from its activation map (paper section 2): threshold, morphological opening and
 * upscaling, before or after. An activation map without contrast gives an empty mask.
 *
 * @param levels the 8-bit activation map at its own resolution
 * @param size of the mask, in pixels
 * @throws EpSamError `configuration` when the opening's side is even or not positive.
 */
export async function initialMask(levels: GreyImage, size: Size, options: InitialMaskOptions): Promise<Mask> {
  const { width, height } = size;
  const profile = settings[options.profile];
  const openingSize = options.openingSize ?? profile.openingSize;
  const level = cutOffLevel(levels, options);
  if (level === undefined) return { width, height, data: new Uint8Array(width * height) };
  if (profile.upscaleFirst) {
    return opened(maskAbove(await resizeGreyBilinear(levels, width, height), level), openingSize);
  }
  return resizeGreyBilinear(await opened(maskAbove(levels, level), openingSize), width, height);
}

/**
 * The level above which pixels of an activation map are kept; undefined for a map without contrast. A percentile
 * is taken at the map's own resolution, before any upscaling.
 */
export function cutOffLevel(levels: GreyImage, options: InitialMaskOptions): number | undefined {
  const low = levels.data.reduce((a, b) => Math.min(a, b), 255);
  const high = levels.data.reduce((a, b) => Math.max(a, b), 0);
  if (high === low) return undefined;
  const { threshold } = options;
  if (threshold !== undefined && threshold !== null) return low + threshold * (high - low);
  const percent = options.percentile ?? settings[options.profile].percentile;
  return percentile(
    levels.data.filter((level) => level > 0),
    percent,
  );
}

async function opened(mask: Mask, side: number): Promise<Mask> {
  return side === 1 ? mask : openMask(mask, side);
}
