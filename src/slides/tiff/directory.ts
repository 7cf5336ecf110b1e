import type { RandomAccessFile } from "../../common/index.js";
import { NumberArray, parseNumbers } from "./number-array.js";
import { FIELD_BYTES } from "./tags.js";

/** Longest text that a field may hold, in bytes: Philips keeps whole pictures in it. */
const MAX_TEXT_BYTES = 16 * 2 ** 20;
/** Longest list of numbers that is read whole. */
const MAX_SHORT_LIST = 1024;
/** Field types that hold unsigned whole numbers: BYTE, SHORT, LONG, IFD, LONG8, IFD8. */
const WHOLE_NUMBER_TYPES = new Set([1, 3, 4, 13, 16, 18]);
/** Field types that hold bytes: BYTE, ASCII, UNDEFINED. */
const BYTE_TYPES = new Set([1, 2, 7]);

export interface TiffField {
  readonly tag: number;
  readonly type: number;
  /** Number of values, as the file claims it. */
  readonly count: number;
  /** Where the values begin in the file, in the entry itself when they fit. */
  readonly offset: number;
  /** The values when they are in the entry itself. */
  readonly inline: Uint8Array | null;
}

/** One image file directory (TIFF 6.0 section 2): fields by tag, whose values are read when asked for. */
export class TiffDirectory {
  /** Where the directory begins in the file. */
  readonly offset: number;
  readonly #file: RandomAccessFile;
  readonly #littleEndian: boolean;
  readonly #fields: ReadonlyMap<number, TiffField>;

  constructor(
    file: RandomAccessFile,
    littleEndian: boolean,
    offset: number,
    fields: ReadonlyMap<number, TiffField>,
  ) {
    this.#file = file;
    this.#littleEndian = littleEndian;
    this.offset = offset;
    this.#fields = fields;
  }

  has(tag: number): boolean {
    return this.#fields.has(tag);
  }

  /** All the numbers of a short list, such as the bits per sample; null when the field is not there. */
  async numbers(tag: number): Promise<readonly number[] | null> {
    const field = this.#wholeNumbers(tag);
    if (field === null) return null;
    if (field.count > MAX_SHORT_LIST) {
      throw this.#file.error("holds an absurd count", `field ${tag} claims ${field.count} numbers`);
    }
    const bytes = await this.#bytes(field);
    const numbers = [...parseNumbers(bytes, this.#layout(field))];
    if (numbers.every((value) => Number.isSafeInteger(value))) return numbers;
    throw this.#file.error("holds an offset that no file can have", `field ${tag} is above 2^53`);
  }

  /** The first number of a field; `otherwise` when the field is not there. */
  async number<T>(tag: number, otherwise: T): Promise<number | T> {
    const numbers = await this.numbers(tag);
    return numbers === null ? otherwise : (numbers[0] ?? otherwise);
  }

  /** The numbers of a field of any length; null when the field is not there. */
  numberArray(tag: number): NumberArray | null {
    const field = this.#wholeNumbers(tag);
    if (field === null) return null;
    this.#checkRange(field);
    return new NumberArray(this.#file, this.#layout(field), field.offset);
  }

  /** The first RATIONAL of a field; null when it is not there or no number. */
  async rational(tag: number): Promise<number | null> {
    const field = this.#fields.get(tag);
    if (field === undefined || field.type !== 5 || field.count < 1) return null;
    const bytes = await this.#bytes({ ...field, count: 1 });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const quotient = view.getUint32(0, this.#littleEndian) / view.getUint32(4, this.#littleEndian);
    return Number.isFinite(quotient) ? quotient : null;
  }

  /** The text of a field up to its NUL, as UTF-8; null when it is not there or no text. */
  async text(tag: number): Promise<string | null> {
    const bytes = await this.rawBytes(tag);
    if (bytes === null) return null;
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** The bytes of a field of BYTE, ASCII or UNDEFINED; null when it is not there or of another type. */
  async rawBytes(tag: number): Promise<Uint8Array | null> {
    const field = this.#fields.get(tag);
    if (field === undefined || !BYTE_TYPES.has(field.type)) return null;
    if (field.count > MAX_TEXT_BYTES) {
      throw this.#file.error("holds an absurd count", `field ${tag} claims ${field.count} bytes`);
    }
    return this.#bytes(field);
  }

  #wholeNumbers(tag: number): TiffField | null {
    const field = this.#fields.get(tag);
    if (field === undefined) return null;
    if (WHOLE_NUMBER_TYPES.has(field.type)) return field;
    throw this.#file.error("holds a field of the wrong type", `field ${tag} is of type ${field.type}`);
  }

  #layout(field: TiffField) {
    const { type, count } = field;
    return { littleEndian: this.#littleEndian, type, count, bytesPerValue: FIELD_BYTES[type] ?? 1 };
  }

  async #bytes(field: TiffField): Promise<Uint8Array> {
    const length = field.count * (FIELD_BYTES[field.type] ?? 1);
    if (field.inline !== null && length <= field.inline.length) return field.inline.subarray(0, length);
    this.#checkRange(field);
    return this.#file.read(field.offset, length, `field ${field.tag}`);
  }

  #checkRange(field: TiffField): void {
    this.#file.check(field.offset, field.count * (FIELD_BYTES[field.type] ?? 1), `field ${field.tag}`);
  }
}
