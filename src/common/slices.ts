/** Milliseconds of work after which others get their turn. */
const SLICE_MILLISECONDS = 20;
/** Characters of a piece of JSON, about. */
const PIECE_LENGTH = 2 ** 16;
/** Numbers, or positions of two, that are written at once. */
const RUN_LENGTH = 1024;

/** Long work in slices, so that a server answers others meanwhile. */
export class Slices {
  #begun = performance.now();

  /** To be awaited between two steps of the work: goes on at once, or after others had their turn. */
  async next(): Promise<void> {
    if (performance.now() - this.#begun < SLICE_MILLISECONDS) return;
    await new Promise((resume) => setImmediate(resume));
    this.#begun = performance.now();
  }
}

/** The text that `JSON.stringify` makes of a value without `toJSON`, piece by piece. */
export function* jsonPieces(value: object): Generator<string, void, undefined> {
  let piece = "";
  for (const part of partsOf(value)) {
    piece += part;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

function* partsOf(value: unknown): Generator<string, void, undefined> {
  if (typeof value !== "object" || value === null || isSmall(value)) yield JSON.stringify(value) ?? "null";
  else if (Array.isArray(value)) yield* partsOfArray(value);
  else {
    let before = "{";
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${before}${JSON.stringify(key)}:`;
      yield* partsOf(member);
      before = ",";
    }
    yield "}";
  }
}

function* partsOfArray(values: readonly unknown[]): Generator<string, void, undefined> {
  const run = isFlat(values) ? RUN_LENGTH : 1;
  for (let from = 0; from < values.length; from += run) {
    yield from === 0 ? "[" : ",";
    if (run > 1) yield JSON.stringify(values.slice(from, from + run)).slice(1, -1);
    else yield* partsOf(values[from]);
  }
  yield "]";
}

/** Whether a value is written in a moment. */
function isSmall(value: object): boolean {
  let left = RUN_LENGTH;
  const weigh = (part: unknown): void => {
    left -= 1;
    if (typeof part !== "object" || part === null || left < 0) return;
    if (Array.isArray(part) && isFlat(part)) left -= part.length;
    else for (const member of Object.values(part)) weigh(member);
  };
  weigh(value);
  return left >= 0;
}

/** Whether an array is one of numbers, or of positions, by how it begins. */
function isFlat([first]: readonly unknown[]): boolean {
  return typeof first === "number" || (Array.isArray(first) && typeof first[0] === "number");
}
