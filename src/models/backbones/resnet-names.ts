/** An attention dropout layer holds index 1 in layers 3 and 4, so a block there was numbered without them. */
const hasPlainNumbers = (names: readonly string[]): boolean =>
  names.some((name) => /^layer[34]\.1\./.test(name));

/** The name with the block's index when attention dropout follows the first block of layers 3 and 4. */
export function withDropoutLayers(name: string, all: readonly string[]): string {
  if (!hasPlainNumbers(all)) return name;
  return name.replace(
    /^(layer[34])\.(\d+)\./,
    (_match, layer: string, index: string) => `${layer}.${Number(index) === 0 ? 0 : Number(index) + 1}.`,
  );
}
