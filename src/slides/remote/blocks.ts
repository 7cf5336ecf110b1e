/** Remote files are read, and kept, in blocks of this size: little more than a tile is read than the tile. */
export const BLOCK_BYTES = 4096;
/** Most blocks in one request, 4 MiB. */
const MOST_BLOCKS = 1024;
/** So few blocks between two that are wanted are read with them: a request costs more. */
const GAP_BLOCKS = 2;

/** Blocks from one to another, both included. */
export interface BlockRange {
  readonly first: number;
  readonly last: number;
}

/** As few ranges as hold all blocks, in the file's order. */
export function blocksToRanges(blocks: readonly number[]): BlockRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const block of blocks.toSorted((one, other) => one - other)) {
    const range = ranges.at(-1);
    const joins =
      range !== undefined && block - range.last <= GAP_BLOCKS + 1 && block - range.first < MOST_BLOCKS;
    if (joins) range.last = block;
    else ranges.push({ first: block, last: block });
  }
  return ranges;
}
