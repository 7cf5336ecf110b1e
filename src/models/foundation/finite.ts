/** Index of the first value that is no finite number; undefined where there is none. */
export function firstNotFinite(values: Float32Array): number | undefined {
  // A callback for each of a billion weights takes ten times as long.
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) return index;
  }
  return undefined;
}
