import { withOpenCv } from "./opencv.js";
import type { GreyImage } from "./types.js";

/**
 * Resizes an 8-bit image, or a mask, with OpenCV's `resize(..., INTER_LINEAR)` itself: its 8-bit arithmetic is
 * fixed-point and rounds rows otherwise than columns, so real-valued interpolation does not give its levels.
 */
export function resizeGreyBilinear(image: GreyImage, width: number, height: number): Promise<GreyImage> {
  return withOpenCv((cv, keep) => {
    const source = keep(new cv.Mat(image.height, image.width, cv.CV_8UC1));
    source.data.set(image.data);
    const target = keep(new cv.Mat());
    cv.resize(source, target, new cv.Size(width, height), 0, 0, cv.INTER_LINEAR);
    return { width, height, data: target.data.slice() };
  });
}
