/** Numbers in the first directory of a TIFF. */
export interface TiffNumbers {
  readonly numbers: readonly number[];
  /** Where the first of them lies in the file. */
  readonly at: number;
  readonly isLittleEndian: boolean;
}

/** Field types of unsigned whole numbers: SHORT and LONG, by their bytes. */
const BYTES_OF_TYPE: Readonly<Record<number, 2 | 4>> = { 3: 2, 4: 4 };
/** Most numbers that are read of a field: those of a palette. */
const MOST_NUMBERS = 768;

/**
 * A SHORT or LONG field of the first directory of a TIFF or BigTIFF (TIFF 6.0 section 2); null when it has none, when
 * the field lies outside the bytes, and for other files.
 */
export function tiffField(bytes: Uint8Array, tag: number): TiffNumbers | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittleEndian = bytes[0] === 0x49;
  if (bytes.length < 16 || view.getUint16(0) !== (isLittleEndian ? 0x4949 : 0x4d4d)) return null;
  const version = view.getUint16(2, isLittleEndian);
  if (version !== 42 && version !== 43) return null;
  const isBig = version === 43;
  const [entryBytes, countBytes, wordBytes] = isBig ? [20, 8, 8] : [12, 2, 4];
  const word = (at: number): number =>
    isBig ? Number(view.getBigUint64(at, isLittleEndian)) : view.getUint32(at, isLittleEndian);
  const directory = word(isBig ? 8 : 4);
  if (directory + countBytes > bytes.length) return null;
  const entries = isBig ? word(directory) : view.getUint16(directory, isLittleEndian);
  for (let index = 0; index < entries; index++) {
    const entry = directory + countBytes + index * entryBytes;
    if (entry + entryBytes > bytes.length) return null;
    if (view.getUint16(entry, isLittleEndian) !== tag) continue;
    const size = BYTES_OF_TYPE[view.getUint16(entry + 2, isLittleEndian)];
    const count = Math.min(MOST_NUMBERS, word(entry + 4));
    if (size === undefined) return null;
    const own = entry + 4 + wordBytes;
    const at = count * size <= wordBytes ? own : word(own);
    if (at + count * size > bytes.length) return null;
    const numbers = Array.from({ length: count }, (_, place) =>
      size === 2
        ? view.getUint16(at + 2 * place, isLittleEndian)
        : view.getUint32(at + 4 * place, isLittleEndian),
    );
    return { numbers, at, isLittleEndian };
  }
  return null;
}
