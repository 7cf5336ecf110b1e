import { EpSamError } from "../common/index.js";
import { type Mat, type OpenCv, withOpenCv } from "./opencv.js";
import type { GreyImage, Mask } from "./types.js";

/** The connected regions of a mask. */
export interface ConnectedComponents {
  readonly width: number;
  readonly height: number;
  /** Per pixel: 0 for background, else the number of its component, 1 to `components.length`. */
  readonly labels: Int32Array;
  /** Component `n` is at index `n - 1`. */
  readonly components: readonly Component[];
}

export interface Component {
  /** In pixels. */
  readonly area: number;
  /** The bounding box; `right` and `bottom` are inside. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Morphological opening (erosion, then dilation) with a square of `side` ones: removes what the square does
 * not fit into. The border counts neither as foreground nor as background, as in OpenCV.
 * @throws EpSamError `configuration` when `side` is not an odd, or `iterations` not a positive integer.
 */
export function openMask(mask: Mask, side: number, iterations = 1): Promise<Mask> {
  return morphology(mask, side, iterations, (cv) => cv.MORPH_OPEN);
}

/** Morphological closing (dilation, then erosion): fills what the square fits into; see {@link openMask}. */
export function closeMask(mask: Mask, side: number, iterations = 1): Promise<Mask> {
  return morphology(mask, side, iterations, (cv) => cv.MORPH_CLOSE);
}

/** Grows the foreground by a square of `side` ones; see {@link openMask}. */
export function dilateMask(mask: Mask, side: number, iterations = 1): Promise<Mask> {
  return morphology(mask, side, iterations, (cv) => cv.MORPH_DILATE);
}

/** Shrinks the foreground by a square of `side` ones; see {@link openMask}. */
export function erodeMask(mask: Mask, side: number, iterations = 1): Promise<Mask> {
  return morphology(mask, side, iterations, (cv) => cv.MORPH_ERODE);
}

function morphology(
  mask: Mask,
  side: number,
  iterations: number,
  operation: (cv: OpenCv) => Parameters<OpenCv["morphologyEx"]>[2],
): Promise<Mask> {
  // An even side has no centre: OpenCV would shift the mask by a pixel.
  requireOdd("the side of a structuring element", side);
  requirePositiveInteger("the number of iterations", iterations);
  return withOpenCv((cv, keep) => {
    const source = keep(matOf(cv, mask));
    const target = keep(new cv.Mat());
    const element = keep(cv.Mat.ones(side, side, cv.CV_8U));
    cv.morphologyEx(source, target, operation(cv), element, new cv.Point(-1, -1), iterations);
    return { ...mask, data: target.data.slice() };
  });
}

/**
 * The median of the `side`×`side` neighbourhood of each pixel, edges repeated, as OpenCV's `medianBlur`.
 * Masks stay masks.
 * @throws EpSamError `configuration` when `side` is not an odd integer.
 */
export function medianFilter(image: GreyImage, side: number): Promise<GreyImage> {
  requireOdd("the side of a median filter", side);
  return withOpenCv((cv, keep) => {
    const source = keep(matOf(cv, image));
    const target = keep(new cv.Mat());
    cv.medianBlur(source, target, side);
    return { ...image, data: target.data.slice() };
  });
}

/**
 * The connected regions of the foreground, in no particular but always the same order; pixels touching at a
 * corner are one region unless `connectivity` is 4.
 */
export function connectedComponents(mask: Mask, connectivity: 4 | 8 = 8): Promise<ConnectedComponents> {
  return withOpenCv((cv, keep) => {
    const source = keep(matOf(cv, mask));
    const target = keep(new cv.Mat());
    const count = cv.connectedComponents(source, target, connectivity, cv.CV_32S);
    const labels = target.data32S.slice();
    const { width, height } = mask;
    return { width, height, labels, components: measure(labels, width, count - 1) };
  });
}

function measure(labels: Int32Array, width: number, count: number): Component[] {
  const components = Array.from({ length: count }, () => ({
    area: 0,
    left: Number.POSITIVE_INFINITY,
    top: Number.POSITIVE_INFINITY,
    right: -1,
    bottom: -1,
  }));
  for (const [pixel, label] of labels.entries()) {
    const component = components[label - 1];
    if (component === undefined) continue;
    const x = pixel % width;
    const y = (pixel - x) / width;
    component.area += 1;
    component.left = Math.min(component.left, x);
    component.top = Math.min(component.top, y);
    component.right = Math.max(component.right, x);
    component.bottom = y;
  }
  return components;
}

/** Keeps the components of at least `minimumArea` pixels. */
export async function removeSmallComponents(mask: Mask, minimumArea: number): Promise<Mask> {
  const { labels, components } = await connectedComponents(mask);
  const data = Uint8Array.from(labels, (label) =>
    (components[label - 1]?.area ?? -1) >= minimumArea ? 1 : 0,
  );
  return { ...mask, data };
}

function matOf(cv: OpenCv, image: GreyImage): Mat {
  const mat = new cv.Mat(image.height, image.width, cv.CV_8UC1);
  mat.data.set(image.data);
  return mat;
}

function requirePositiveInteger(name: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new EpSamError("configuration", {
    what: `${name} cannot be ${value}`,
    action: "Use a positive integer.",
  });
}

function requireOdd(name: string, value: number): void {
  requirePositiveInteger(name, value);
  if (value % 2 === 1) return;
  throw new EpSamError("configuration", { what: `${name} cannot be ${value}`, action: "Use an odd number." });
}
