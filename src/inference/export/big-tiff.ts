/** Types of field values (TIFF 6.0 section 2, and LONG8 of BigTIFF). */
export const FieldType = { Ascii: 2, Short: 3, Long: 4, Rational: 5, Long8: 16 } as const;

const BYTES: Readonly<Record<number, number>> = { 2: 1, 3: 2, 4: 4, 5: 8, 16: 8 };
const ENTRY_BYTES = 20;

/** One field of a directory; a rational is two numbers. */
export interface WrittenField {
  readonly tag: number;
  readonly type: (typeof FieldType)[keyof typeof FieldType];
  readonly values: ArrayLike<number>;
}

/** The 16 bytes a little-endian BigTIFF begins with. */
export function bigTiffHeader(firstDirectory: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, 0x4949, true);
  view.setUint16(2, 43, true);
  view.setUint16(4, 8, true);
  view.setBigUint64(8, BigInt(firstDirectory), true);
  return new Uint8Array(view.buffer);
}

/** Text as the values of an ASCII field, which end with a zero. */
export function asciiField(tag: number, text: string): WrittenField {
  const bytes = new TextEncoder().encode(`${text.replaceAll("\0", "")}\0`);
  return { tag, type: FieldType.Ascii, values: bytes };
}

/** A positive number as a rational field, to about nine digits. */
export function rationalField(tag: number, value: number): WrittenField {
  const exponent = Math.max(0, Math.min(31, 31 - Math.ceil(Math.log2(value))));
  const denominator = 2 ** exponent;
  return { tag, type: FieldType.Rational, values: [Math.round(value * denominator), denominator] };
}

/**
 * The bytes of a directory that lies at `position`, with the values that do not fit into its entries behind it.
 * @param hasNext whether the next directory follows these bytes
 */
export function encodeDirectory(
  fields: readonly WrittenField[],
  position: number,
  hasNext: boolean,
): Uint8Array<ArrayBuffer> {
  const sorted = [...fields].sort((a, b) => a.tag - b.tag);
  const head = 8 + sorted.length * ENTRY_BYTES + 8;
  const spilled = sorted.map((field) => (valueBytes(field) > 8 ? roundUp(valueBytes(field)) : 0));
  const total = spilled.reduce((sum, bytes) => sum + bytes, head);
  const view = new DataView(new ArrayBuffer(total));
  view.setBigUint64(0, BigInt(sorted.length), true);
  let free = head;
  for (const [index, field] of sorted.entries()) {
    const entry = 8 + index * ENTRY_BYTES;
    view.setUint16(entry, field.tag, true);
    view.setUint16(entry + 2, field.type, true);
    view.setBigUint64(entry + 4, BigInt(countOf(field)), true);
    const bytes = spilled[index] ?? 0;
    if (bytes > 0) view.setBigUint64(entry + 12, BigInt(position + free), true);
    writeValues(view, bytes > 0 ? free : entry + 12, field);
    free += bytes;
  }
  view.setBigUint64(head - 8, BigInt(hasNext ? position + total : 0), true);
  return new Uint8Array(view.buffer);
}

function countOf({ type, values }: WrittenField): number {
  return type === FieldType.Rational ? values.length / 2 : values.length;
}

function valueBytes(field: WrittenField): number {
  return countOf(field) * (BYTES[field.type] ?? 1);
}

/** Directories and values begin at multiples of eight, as readers that map files like them to. */
function roundUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function writeValues(view: DataView, at: number, { type, values }: WrittenField): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    if (type === FieldType.Ascii) view.setUint8(at + index, value);
    else if (type === FieldType.Short) view.setUint16(at + 2 * index, value, true);
    else if (type === FieldType.Long8) view.setBigUint64(at + 8 * index, BigInt(value), true);
    else view.setUint32(at + 4 * index, value, true);
  }
}
