/** Thrown when bytes end within a value; {@link ByteCursor} alone throws it. */
export class EndOfBytes extends Error {
  constructor(readonly wanted: number) {
    super(`it ends where ${wanted} more bytes should follow`);
  }
}

/** Reads little-endian values one after another. */
export class ByteCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** Pickle's only big-endian value. */
  bigEndianFloat64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** A length of eight bytes; lengths beyond any file come back as infinite. */
  uint64(): number {
    const value = this.#view.getBigUint64(this.#advance(8), true);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
  }

  /** A view of the next bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Text up to a line feed, which is read too. */
  line(longest: number): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end === -1 || end - this.#position > longest) throw new EndOfBytes(longest);
    const text = decodeUtf8(this.#bytes.subarray(this.#position, end));
    this.#position = end + 1;
    return text;
  }

  #advance(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw new EndOfBytes(length - (this.#bytes.length - start));
    this.#position = start + length;
    return start;
  }
}

const decoder = new TextDecoder("utf-8");

/** Text of UTF-8 bytes; what is not UTF-8 becomes a replacement character, as names are only compared. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** A two's-complement little-endian integer of any length. */
export function signedInteger(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index] ?? 0);
  const signed = BigInt.asIntN(8 * bytes.length, value);
  const small = Number(signed);
  return Number.isSafeInteger(small) ? small : signed;
}
