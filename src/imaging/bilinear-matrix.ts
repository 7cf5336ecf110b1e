/**
 * The matrix [outputSize, inputSize], row-major, of one-dimensional bilinear interpolation without
 * antialiasing and with half-pixel centres: `torch.nn.functional.interpolate(mode="bilinear",
 * align_corners=False)` of an image is `bilinearMatrix(height) · image · bilinearMatrix(width)ᵀ`.
 */
export function bilinearMatrix(outputSize: number, inputSize: number): Float32Array {
  const matrix = new Float32Array(outputSize * inputSize);
  const scale = inputSize / outputSize;
  for (let output = 0; output < outputSize; output++) {
    const position = Math.max((output + 0.5) * scale - 0.5, 0);
    const lower = Math.min(Math.floor(position), inputSize - 1);
    const upper = Math.min(lower + 1, inputSize - 1);
    const fraction = position - lower;
    const row = output * inputSize;
    matrix[row + lower] = (matrix[row + lower] ?? 0) + 1 - fraction;
    matrix[row + upper] = (matrix[row + upper] ?? 0) + fraction;
  }
  return matrix;
}
