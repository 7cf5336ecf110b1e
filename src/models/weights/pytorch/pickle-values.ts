import type { Shape } from "../../../graph/index.js";
import type { ElementTypeName } from "../element-types.js";

/** What a pickle of weights can hold. Python's `int` is a number, or a bigint beyond 2^53. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleSet
  | PickleGlobal
  | StorageReference
  | TensorReference
  | Opaque;

/** A Python list. */
export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A Python tuple, or a `torch.Size`. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A Python dict or `OrderedDict`; keys that are objects are told apart by identity. */
export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** A Python set; nothing of interest to weights is in one. */
export class PickleSet {
  readonly items: PickleValue[] = [];
}

/** Something known by name alone, for example a device. */
export class Opaque {
  constructor(readonly name: string) {}
}

/** One of the globals that rebuild tensors. */
export class PickleGlobal {
  constructor(
    /** Its Python name with the module, for example `torch.FloatStorage`. */
    readonly name: string,
    readonly meaning: GlobalMeaning,
  ) {}
}

/** What a global stands for. */
export type GlobalMeaning =
  /** A function or class that is called with arguments. */
  | { readonly kind: "call"; readonly call: (argument: readonly PickleValue[]) => PickleValue }
  /** A storage class; untyped storages count bytes. */
  | { readonly kind: "storage"; readonly elementType: StorageElementType; readonly elementSize: number }
  /** A `torch.dtype`. */
  | { readonly kind: "dtype"; readonly elementType: ElementTypeName | "unread" }
  /** A class that is only named, never called. */
  | { readonly kind: "class" };

/** Element type of a storage; `untyped` counts bytes, `unread` is known to PyTorch but of no use here. */
export type StorageElementType = ElementTypeName | "untyped" | "unread";

/** A storage in the file: a flat array that tensors are views of. */
export class StorageReference {
  constructor(
    readonly key: string,
    readonly elementType: StorageElementType,
    /** Bytes per element, 1 when it is untyped. */
    readonly elementSize: number,
    /** Elements, or bytes of an untyped storage. */
    readonly count: number,
    /** Elements to skip in the file's storage: old files hold views of storages. */
    readonly start: number,
  ) {}
}

/** A tensor: a strided view of a storage. */
export class TensorReference {
  constructor(
    readonly storage: StorageReference,
    readonly elementType: ElementTypeName | "unread",
    /** Of the first element, in elements of the storage. */
    readonly offset: number,
    readonly shape: Shape,
    /** Elements between neighbours along each axis. */
    readonly strides: readonly number[],
  ) {}
}
