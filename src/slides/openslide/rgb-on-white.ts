/**
 * RGB bytes of OpenSlide's pixels: 0xAARRGGBB with colours multiplied by alpha, laid over white. Since the colours
 * are multiplied already, white adds what alpha leaves.
 */
export function rgbOnWhite(argb: Uint32Array): Uint8Array {
  const rgb = new Uint8Array(argb.length * 3);
  for (let pixel = 0, target = 0; pixel < argb.length; pixel++, target += 3) {
    const value = argb[pixel] ?? 0;
    const white = 255 - (value >>> 24);
    rgb[target] = Math.min(255, ((value >>> 16) & 255) + white);
    rgb[target + 1] = Math.min(255, ((value >>> 8) & 255) + white);
    rgb[target + 2] = Math.min(255, (value & 255) + white);
  }
  return rgb;
}

/** How many pixels are transparent altogether: those that the file does not have. */
export function transparentPixels(argb: Uint32Array): number {
  return argb.reduce((count, value) => (value >>> 24 === 0 ? count + 1 : count), 0);
}
