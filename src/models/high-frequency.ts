import {
  absolute,
  constant,
  floatTensor,
  matmul,
  mean,
  separable,
  shape4,
  subtract,
  type Value,
} from "../graph/index.js";

/** The cosine–sine basis [size, 3] (constant, cosine, sine of the first frequency), divided by the size. */
function firstFrequencyBasis(size: number, scale: number): Value {
  const data = new Float32Array(size * 3);
  for (let index = 0; index < size; index++) {
    const angle = (2 * Math.PI * index) / size;
    data.set([scale, scale * Math.cos(angle), scale * Math.sin(angle)], index * 3);
  }
  return constant(floatTensor([size, 3], data));
}

/**
 * High-frequency content of each channel of [N, C, H, W] (paper section on explicit visual prompting): the
 * image without its four Fourier coefficients at frequencies −1 and 0 on each axis, real part, absolute value.
 *
 * Zeroing four coefficients takes away the real part of a projection of rank four. With E = [1, e^(iθ)] on each
 * axis that part is B·(c − S·c·Sᵀ)·Bᵀ for B = [1, cos θ, sin θ], c = Bᵀ·x·B and S the quarter turn of the
 * cosine–sine plane, so it is exact without a Fourier transform.
 */
export function highFrequencyPerChannel(image: Value): Value {
  const [, , height, width] = shape4(image, "high frequency");
  const rowBasis = firstFrequencyBasis(height, 1 / height);
  const columnBasis = firstFrequencyBasis(width, 1 / width);
  const coefficients = matmul(matmul(rowBasis, image, { transposeA: true }), columnBasis);
  const turn = constant(floatTensor([3, 3], Float32Array.of(0, 0, 0, 0, 0, -1, 0, 1, 0)));
  const turned = separable(coefficients, turn, turn);
  const kept = subtract(coefficients, turned);
  const low = separable(kept, firstFrequencyBasis(height, 1), firstFrequencyBasis(width, 1));
  return absolute(subtract(image, low));
}

/** The high-frequency channel of an RGB image [N, 3, H, W]: the mean over the colours, [N, 1, H, W]. */
export function highFrequencyChannel(image: Value): Value {
  return mean(highFrequencyPerChannel(image), [1], true);
}
