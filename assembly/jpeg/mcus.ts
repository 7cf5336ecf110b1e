// The scan's units (MCUs, T.81 A.2.3): their blocks are decoded and transformed where the part needs them, and read over
// elsewhere.

import {
  AFTER_BLOCK,
  Component,
  componentField,
  Frame,
  Part,
  plane,
  planeStride,
  quantisationTable,
} from "./frame";
import { Bits, Block, decodeBlock, passBlock } from "./huffman";
import { buildPasses, huffmanTable } from "./huffman-tables";
import { LAST_OF_FOUR, transform, transformFlat, transformFour } from "./transform";

/** Bytes of the coefficients of a block, and room for those that lie nowhere. */
const BLOCK_BYTES: usize = AFTER_BLOCK + 16;
const COEFFICIENTS: usize = memory.data(6 * 144, 16);
/** The last first-coefficient of each component. */
const PREDICTORS: usize = memory.data(3 * 4);

/** Of each block of an MCU, in their order: what it takes to decode it, and where its samples go. */
const BLOCKS: usize = memory.data(6 * 40);
const DESCRIPTION_BYTES: usize = 40;
namespace Described {
  export const Dc: usize = 0;
  export const Ac: usize = 4;
  export const Predictor: usize = 8;
  export const Steps: usize = 12;
  /** Where the samples go in the first MCU, what is added for each column and row of MCUs, and from row to row. */
  export const Corner: usize = 16;
  export const Across: usize = 20;
  export const Down: usize = 24;
  export const Stride: usize = 28;
  /** The last coefficient that was found. */
  export const Last: usize = 32;
}
let blockCount: usize = 0;

export function mcuColumns(): i32 {
  const side = Frame.horizontal << 3;
  return (Frame.width + side - 1) / side;
}

export function mcuRows(): i32 {
  const side = Frame.vertical << 3;
  return (Frame.height + side - 1) / side;
}

/** Samples around a part that its pixels are made of, too: chrominance is enlarged with its neighbours. */
const AROUND: i32 = 2;

/** Makes a description of each block of an MCU (T.81 A.2.3). */
export function describeBlocks(): void {
  let block = BLOCKS;
  for (let component = 0; component < Frame.components; component++) {
    const across = component == 0 ? Frame.horizontal : 1;
    const down = component == 0 ? Frame.vertical : 1;
    const stride = planeStride(component);
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++, block += DESCRIPTION_BYTES) {
        store<usize>(block, huffmanTable(0, componentField(component, Component.Dc)), Described.Dc);
        store<usize>(block, huffmanTable(1, componentField(component, Component.Ac)), Described.Ac);
        store<usize>(block, PREDICTORS + (<usize>component << 2), Described.Predictor);
        store<usize>(block, quantisationTable(componentField(component, Component.Quantisation)), Described.Steps);
        store<usize>(block, plane(component) + <usize>(y * 8) * stride + <usize>(x * 8), Described.Corner);
        store<usize>(block, <usize>(across * 8), Described.Across);
        store<usize>(block, <usize>(down * 8) * stride, Described.Down);
        store<usize>(block, stride, Described.Stride);
      }
    }
  }
  blockCount = (block - BLOCKS) / DESCRIPTION_BYTES;
}

export function decodeMcus(first: i32, last: i32): bool {
  memory.fill(PREDICTORS, 0, 12);
  const columns = mcuColumns();
  const across = Frame.horizontal << 3;
  const down = Frame.vertical << 3;
  const firstColumn = max(0, Part.left - AROUND) / across;
  const lastColumn = (Part.right + AROUND) / across;
  const firstRow = max(0, Part.top - AROUND) / down;
  const lastRow = (Part.bottom + AROUND) / down;
  const passesSome = firstColumn > 0 || firstRow > 0 || lastColumn + 1 < columns || lastRow + 1 < mcuRows();
  if (passesSome) preparePasses();
  let row = first / columns;
  let column = first - row * columns;
  for (let index = first; index < last; index++) {
    if (column >= firstColumn && column <= lastColumn && row >= firstRow && row <= lastRow) {
      if (!decodeMcu(<usize>column, <usize>row)) return false;
    } else if (!passMcu()) return false;
    if (<i32>Bits.at < <i32>Bits.end - 8) return false;
    column += 1;
    if (column == columns) {
      column = 0;
      row += 1;
    }
  }
  return true;
}

function preparePasses(): void {
  for (let block: usize = 0; block < blockCount; block++) {
    buildPasses(load<usize>(BLOCKS + block * DESCRIPTION_BYTES, Described.Ac));
  }
}

/** Reads over the blocks of an MCU. */
function passMcu(): bool {
  const end = BLOCKS + blockCount * DESCRIPTION_BYTES;
  for (let block = BLOCKS; block < end; block += DESCRIPTION_BYTES) {
    if (!passBlock(load<usize>(block, Described.Dc), load<usize>(block, Described.Ac))) return false;
    const predictor = load<usize>(block, Described.Predictor);
    store<i32>(predictor, load<i32>(predictor) + Block.difference);
  }
  return true;
}

@inline
function clear(coefficients: usize): void {
  const zero = i64x2.splat(0);
  v128.store(coefficients, zero);
  v128.store(coefficients, zero, 16);
  v128.store(coefficients, zero, 32);
  v128.store(coefficients, zero, 48);
  v128.store(coefficients, zero, 64);
  v128.store(coefficients, zero, 80);
  v128.store(coefficients, zero, 96);
  v128.store(coefficients, zero, 112);
}

/**
 * Decodes the blocks of an MCU, then transforms them: what was written as numbers of 16 bits is read as vectors, for which
 * a processor waits if it was written just now.
 */
function decodeMcu(column: usize, row: usize): bool {
  const end = BLOCKS + blockCount * DESCRIPTION_BYTES;
  let coefficients = COEFFICIENTS;
  for (let block = BLOCKS; block < end; block += DESCRIPTION_BYTES, coefficients += BLOCK_BYTES) {
    clear(coefficients);
    const last = decodeBlock(load<usize>(block, Described.Dc), load<usize>(block, Described.Ac), coefficients);
    if (last < 0) return false;
    const predictor = load<usize>(block, Described.Predictor);
    const value = load<i32>(predictor) + Block.difference;
    store<i32>(predictor, value);
    store<i16>(coefficients, <i16>value);
    store<i32>(block, last, Described.Last);
  }
  coefficients = COEFFICIENTS;
  for (let block = BLOCKS; block < end; block += DESCRIPTION_BYTES, coefficients += BLOCK_BYTES) {
    const last = load<i32>(block, Described.Last);
    const steps = load<usize>(block, Described.Steps);
    const stride = load<usize>(block, Described.Stride);
    const corner = load<usize>(block, Described.Corner);
    const target = corner + column * load<usize>(block, Described.Across) + row * load<usize>(block, Described.Down);
    if (last == 0) transformFlat(coefficients, steps, target, stride);
    else if (last <= LAST_OF_FOUR) transformFour(coefficients, steps, target, stride);
    else transform(coefficients, steps, target, stride);
  }
  return true;
}
