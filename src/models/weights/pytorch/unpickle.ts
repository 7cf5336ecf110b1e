import { type ByteCursor, decodeUtf8, signedInteger } from "./byte-cursor.js";
import { callGlobal, findGlobal, naturalNumber, PickleError, sequence } from "./globals.js";
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleSet,
  PickleTuple,
  type PickleValue,
  StorageReference,
} from "./pickle-values.js";

/** Limits that no real checkpoint comes near; they bound what a hostile one can make the program hold. */
const MOST_VALUES = 2_000_000;
const LONGEST_NAME = 512;
const LONGEST_INTEGER = 64;

/** Marks the beginning of a sequence on the stack. */
const mark = Symbol("mark");
type StackItem = PickleValue | typeof mark;

/**
 * Reads one pickle of protocol 2 to 5 (Python's `pickletools` documents the operations). It runs nothing: globals
 * are looked up in a table of what rebuilds tensors, and values are made by this program alone.
 * @throws PickleError when it asks for anything else, or is damaged; {@link EndOfBytes} when bytes are missing
 */
export function unpickle(cursor: ByteCursor): Unpickled {
  const machine = new Unpickler(cursor);
  return { value: machine.run(), storages: machine.storages };
}

/** A pickled object with the storages it refers to. */
export interface Unpickled {
  readonly value: PickleValue;
  readonly storages: ReadonlyMap<string, StorageReference>;
}

class Unpickler {
  readonly #cursor: ByteCursor;
  readonly #stack: StackItem[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly storages = new Map<string, StorageReference>();

  constructor(cursor: ByteCursor) {
    this.#cursor = cursor;
  }

  run(): PickleValue {
    for (;;) {
      const operation = this.#cursor.uint8();
      if (operation === STOP) return this.#pop();
      const action = operations[operation];
      if (action === undefined) {
        const name = `0x${operation.toString(16).padStart(2, "0")}`;
        throw new PickleError(`the operation ${name} is not used by files of weights`);
      }
      action(this, this.#cursor);
      if (this.#stack.length > MOST_VALUES) throw new PickleError(`it holds more than ${MOST_VALUES} values`);
    }
  }

  push(value: StackItem): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const item = this.#stack.pop();
    if (item === undefined || item === mark) throw new PickleError("a value is missing");
    return item;
  }

  pop(): PickleValue {
    return this.#pop();
  }

  /** Removes anything, a mark too. */
  drop(): void {
    if (this.#stack.pop() === undefined) throw new PickleError("a value is missing");
  }

  /** The value on top, which stays. */
  top(): PickleValue {
    const value = this.#pop();
    this.#stack.push(value);
    return value;
  }

  /** The values above the last mark, which goes with them. */
  popToMark(): PickleValue[] {
    const start = this.#stack.lastIndexOf(mark);
    if (start === -1) throw new PickleError("a mark is missing");
    const items = this.#stack.splice(start).slice(1);
    return items.filter((item) => item !== mark);
  }

  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  remember(index: number): void {
    if (this.#memo.size >= MOST_VALUES) throw new PickleError(`it remembers more than ${MOST_VALUES} values`);
    this.#memo.set(index, this.top());
  }

  /** Remembers under the next number. */
  memoize(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleError(`it refers to the value ${index}, which is not there`);
    this.#stack.push(value);
  }

  /** Adds key–value pairs to the dict on top. */
  setItems(pairs: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof PickleDict)) throw new PickleError("items are set in what is no dict");
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      target.entries.set(pairs[index] ?? null, pairs[index + 1] ?? null);
    }
  }

  append(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof PickleList || target instanceof PickleSet)) {
      throw new PickleError("items are appended to what is no list");
    }
    for (const item of items) target.items.push(item);
  }

  /** Python's `__setstate__`: the attributes of an OrderedDict (version numbers of modules) are of no use here. */
  build(): void {
    this.#pop();
    if (!(this.top() instanceof PickleDict)) throw new PickleError("it sets the state of an object");
  }

  loadStorage(): void {
    const storage = storageOf(this.#pop());
    this.storages.set(storage.key, storage);
    this.#stack.push(storage);
  }

  reduce(): void {
    const argument = this.#pop();
    this.#stack.push(callGlobal(this.#pop(), argument));
  }
}

type Operation = (machine: Unpickler, cursor: ByteCursor) => void;

const STOP = 0x2e;

const readText = (length: (cursor: ByteCursor) => number): Operation => {
  return (machine, cursor) => machine.push(decodeUtf8(cursor.bytes(length(cursor))));
};
const readBytes = (length: (cursor: ByteCursor) => number): Operation => {
  return (machine, cursor) => machine.push(cursor.bytes(length(cursor)));
};
const readInteger = (length: (cursor: ByteCursor) => number): Operation => {
  return (machine, cursor) => {
    const size = length(cursor);
    if (size > LONGEST_INTEGER) throw new PickleError(`an integer takes ${size} bytes`);
    machine.push(signedInteger(cursor.bytes(size)));
  };
};
const one = (cursor: ByteCursor): number => cursor.uint8();
const four = (cursor: ByteCursor): number => cursor.uint32();
const eight = (cursor: ByteCursor): number => cursor.uint64();

/** Operations by code, named in the comments as in Python's `pickle` module. */
const operations: Readonly<Record<number, Operation>> = {
  // PROTO, FRAME: nothing to do, but protocols 0 and 1 have operations of their own.
  128: (_machine, cursor) => requireProtocol(cursor.uint8()),
  149: (_machine, cursor) => {
    cursor.uint64();
  },
  // MARK, POP, POP_MARK, DUP
  40: (machine) => machine.push(mark),
  48: (machine) => machine.drop(),
  49: (machine) => {
    machine.popToMark();
  },
  50: (machine) => machine.push(machine.top()),
  // NONE, NEWTRUE, NEWFALSE
  78: (machine) => machine.push(null),
  136: (machine) => machine.push(true),
  137: (machine) => machine.push(false),
  // BININT, BININT1, BININT2, LONG1, LONG4, BINFLOAT
  74: (machine, cursor) => machine.push(cursor.int32()),
  75: (machine, cursor) => machine.push(cursor.uint8()),
  77: (machine, cursor) => machine.push(cursor.uint16()),
  138: readInteger(one),
  139: readInteger(four),
  71: (machine, cursor) => machine.push(cursor.bigEndianFloat64()),
  // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8, and Python 2's BINSTRING, SHORT_BINSTRING
  88: readText(four),
  140: readText(one),
  141: readText(eight),
  84: readText(four),
  85: readText(one),
  // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
  66: readBytes(four),
  67: readBytes(one),
  142: readBytes(eight),
  150: readBytes(eight),
  // EMPTY_LIST, APPEND, APPENDS
  93: (machine) => machine.push(new PickleList()),
  97: (machine) => {
    const item = machine.pop();
    machine.append([item]);
  },
  101: (machine) => machine.append(machine.popToMark()),
  // EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3
  41: (machine) => machine.push(new PickleTuple([])),
  116: (machine) => machine.push(new PickleTuple(machine.popToMark())),
  133: (machine) => machine.push(new PickleTuple(machine.popMany(1))),
  134: (machine) => machine.push(new PickleTuple(machine.popMany(2))),
  135: (machine) => machine.push(new PickleTuple(machine.popMany(3))),
  // EMPTY_DICT, SETITEM, SETITEMS
  125: (machine) => machine.push(new PickleDict()),
  115: (machine) => machine.setItems(machine.popMany(2)),
  117: (machine) => machine.setItems(machine.popToMark()),
  // EMPTY_SET, ADDITEMS
  143: (machine) => machine.push(new PickleSet()),
  144: (machine) => machine.append(machine.popToMark()),
  // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
  113: (machine, cursor) => machine.remember(cursor.uint8()),
  114: (machine, cursor) => machine.remember(cursor.uint32()),
  148: (machine) => machine.memoize(),
  104: (machine, cursor) => machine.recall(cursor.uint8()),
  106: (machine, cursor) => machine.recall(cursor.uint32()),
  // GLOBAL, STACK_GLOBAL
  99: (machine, cursor) => machine.push(findGlobal(cursor.line(LONGEST_NAME), cursor.line(LONGEST_NAME))),
  147: (machine) => {
    const [module, name] = machine.popMany(2);
    machine.push(findGlobal(String(module), String(name)));
  },
  // REDUCE, NEWOBJ, BUILD, BINPERSID
  82: (machine) => machine.reduce(),
  129: (machine) => machine.reduce(),
  98: (machine) => machine.build(),
  81: (machine) => machine.loadStorage(),
};

function requireProtocol(protocol: number): void {
  if (protocol >= 2 && protocol <= 5) return;
  throw new PickleError(`it is a pickle of protocol ${protocol}; files of weights use 2 to 5`);
}

/**
 * The storage that a persistent id names: ("storage", class, key, location, count) and in old files the view
 * (key, offset, count) of a larger storage or None. The location (`cpu`, `cuda:0`) plays no part here.
 */
function storageOf(id: PickleValue | undefined): StorageReference {
  const [tag, type, key, , count, view] = sequence(id);
  if (tag !== "storage" || typeof key !== "string") {
    throw new PickleError("it refers to something outside that is not a storage");
  }
  if (!(type instanceof PickleGlobal) || type.meaning.kind !== "storage") {
    throw new PickleError(`the storage "${key}" is of no known class`);
  }
  const { elementType, elementSize } = type.meaning;
  const total = naturalNumber(count, "count of elements");
  if (view === undefined || view === null) {
    return new StorageReference(key, elementType, elementSize, total, 0);
  }
  const [, offset, length] = sequence(view);
  const start = naturalNumber(offset, "view");
  return new StorageReference(key, elementType, elementSize, naturalNumber(length, "view"), start);
}
