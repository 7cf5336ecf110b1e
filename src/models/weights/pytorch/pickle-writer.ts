import { elementCount, type Shape } from "../../../graph/index.js";

/** A float32 tensor to be written; its storage's key is its position. */
export interface PickledTensor {
  readonly name: string;
  readonly shape: Shape;
}

/**
 * The pickle (protocol 2) of an `OrderedDict` of contiguous float32 tensors, each with a storage of its own, as
 * `torch.save` writes it, in operations that PyTorch's `weights_only` unpickler knows.
 */
export function encodeStateDict(tensors: readonly PickledTensor[]): Uint8Array {
  const writer = new PickleWriter();
  writer.bytes(0x80, 2);
  writer.orderedDict();
  writer.bytes(MARK);
  tensors.forEach(({ name, shape }, index) => {
    writer.text(name);
    writer.tensor(String(index), shape);
  });
  writer.bytes(SETITEMS, STOP);
  return writer.finish();
}

const MARK = 0x28;
const TUPLE = 0x74;
const REDUCE = 0x52;
const SETITEMS = 0x75;
const STOP = 0x2e;
const EMPTY_TUPLE = 0x29;
const NEWFALSE = 0x89;
const BINPERSID = 0x51;
const GLOBAL = 0x63;
const BINUNICODE = 0x58;
const BININT1 = 0x4b;
const BININT = 0x4a;
const LONG1 = 0x8a;

class PickleWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(...values: number[]): void {
    this.#parts.push(Uint8Array.from(values));
  }

  global(module: string, name: string): void {
    this.bytes(GLOBAL);
    this.#parts.push(new TextEncoder().encode(`${module}\n${name}\n`));
  }

  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    const header = new Uint8Array(5);
    header[0] = BINUNICODE;
    new DataView(header.buffer).setUint32(1, encoded.length, true);
    this.#parts.push(header, encoded);
  }

  /** A size or stride in the shortest form that PyTorch's restricted unpickler reads. */
  integer(value: number): void {
    if (value < 0x100) this.bytes(BININT1, value);
    else if (value < 0x80000000) {
      const encoded = new Uint8Array(5);
      encoded[0] = BININT;
      new DataView(encoded.buffer).setInt32(1, value, true);
      this.#parts.push(encoded);
    } else {
      const encoded = new Uint8Array(10);
      encoded.set([LONG1, 8]);
      new DataView(encoded.buffer).setBigInt64(2, BigInt(value), true);
      this.#parts.push(encoded);
    }
  }

  integers(values: readonly number[]): void {
    this.bytes(MARK);
    for (const value of values) this.integer(value);
    this.bytes(TUPLE);
  }

  orderedDict(): void {
    this.global("collections", "OrderedDict");
    this.bytes(EMPTY_TUPLE, REDUCE);
  }

  /** `_rebuild_tensor_v2(storage, offset 0, sizes, strides, requires_grad False, no hooks)` */
  tensor(key: string, shape: Shape): void {
    this.global("torch._utils", "_rebuild_tensor_v2");
    this.bytes(MARK, MARK);
    this.text("storage");
    this.global("torch", "FloatStorage");
    this.text(key);
    this.text("cpu");
    this.integer(elementCount(shape));
    this.bytes(TUPLE, BINPERSID, BININT1, 0);
    this.integers(shape);
    this.integers(shape.map((_, axis) => elementCount(shape.slice(axis + 1))));
    this.bytes(NEWFALSE);
    this.orderedDict();
    this.bytes(TUPLE, REDUCE);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
