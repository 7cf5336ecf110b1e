import { createHash } from "node:crypto";
import { z } from "zod";
import { EpSamError, hashBytes, jsonPieces, parseJson, Slices, whyNot } from "../../common/index.js";
import {
  type AnnotationChange,
  annotationChangeSchema,
  annotationObjectSchema,
} from "../../contract/index.js";
import { emptyHistory, type HistoryState, withEdit, withRedo, withUndo } from "./history.js";

/** Raised when the journal's form changes incompatibly. */
const FORMAT_VERSION = 1;
/** Hexadecimal digits of a line's SHA-256 that stand before it. */
const DIGITS = 16;

export interface JournalSlide {
  readonly id: string;
  readonly name: string;
  readonly path: string;
}

interface JournalMoment {
  readonly revision: number;
  readonly at: string;
  /** Who did it, as far as that person has given a name. */
  readonly author?: string | undefined;
}

/** One saved moment: what the lines after the first hold. */
export type JournalRecord =
  | (JournalMoment & {
      readonly type: "edit";
      readonly title: string;
      readonly changes: readonly AnnotationChange[];
    })
  | (JournalMoment & { readonly type: "undo" | "redo" });

const placedChange = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("add"), object: annotationObjectSchema, order: z.int().min(0) }),
  z.strictObject({ type: z.literal("update"), object: annotationObjectSchema }),
  z.strictObject({ type: z.literal("remove"), id: z.string() }),
]);
const historyStep = z.strictObject({ title: z.string(), changes: z.array(placedChange) });
const count = z.int().min(0);
const snapshotSchema = z.strictObject({
  type: z.literal("snapshot"),
  format: z.literal(FORMAT_VERSION),
  slide: z.strictObject({ id: z.string(), name: z.string(), path: z.string() }),
  history: z.strictObject({
    revision: count,
    objects: z.array(z.strictObject({ object: annotationObjectSchema, order: count })),
    nextOrder: count,
    undo: z.array(historyStep),
    redo: z.array(historyStep),
    titles: z.array(z.string()),
  }),
});
const moment = { revision: count, at: z.string(), author: z.string().optional() };
const recordSchema: z.ZodType<JournalRecord> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("edit"),
    ...moment,
    title: z.string(),
    changes: z.array(annotationChangeSchema),
  }),
  z.strictObject({ type: z.enum(["undo", "redo"]), ...moment }),
]);

/** A line of a journal in pieces: the first digits of the SHA-256 of the JSON text, a space, the text, a line feed. */
export type JournalLine = readonly Buffer[];

async function lineOf(value: object): Promise<JournalLine> {
  const [hash, slices] = [createHash("sha256"), new Slices()];
  const text: Buffer[] = [];
  for (const piece of jsonPieces(value)) {
    const bytes = Buffer.from(piece);
    hash.update(bytes);
    text.push(bytes);
    await slices.next();
  }
  const digits = hash.digest("hex").slice(0, DIGITS);
  const [first = Buffer.of(), ...rest] = text;
  // What is small is one piece, which is written at once.
  const begin = Buffer.concat([Buffer.from(`${digits} `), first, Buffer.from(rest.length === 0 ? "\n" : "")]);
  return rest.length === 0 ? [begin] : [begin, ...rest, Buffer.from("\n")];
}

/** Bytes of a line. */
export function lengthOf(line: JournalLine): number {
  return line.reduce((sum, { length }) => sum + length, 0);
}

/** The first line of a journal: everything up to a revision. */
export function snapshotLine({ id, name, path }: JournalSlide, history: HistoryState): Promise<JournalLine> {
  const slide: JournalSlide = { id, name, path };
  return lineOf({ type: "snapshot", format: FORMAT_VERSION, slide, history });
}

export function recordLine(record: JournalRecord): Promise<JournalLine> {
  return lineOf(record);
}

export interface ReadJournal {
  readonly slide: JournalSlide;
  readonly history: HistoryState;
  /** Bytes up to the end of the last whole line. */
  readonly length: number;
  /** Of the first line. */
  readonly snapshotLength: number;
  /** Bytes after the last line feed: an edit that was being written when the program was killed. */
  readonly tornBytes: number;
}

const LINE_FEED = 10;

/**
 * Reads a journal back. What follows the last line feed was never acknowledged and is left out; anything else that
 * does not fit is refused.
 * @throws EpSamError `annotation` naming the line that is damaged
 */
export function parseJournal(path: string, bytes: Buffer): ReadJournal {
  const length = bytes.lastIndexOf(LINE_FEED) + 1;
  let history: HistoryState = emptyHistory;
  let slide: JournalSlide | undefined;
  let snapshotLength = 0;
  for (let start = 0, line = 1; start < length; line++) {
    const end = bytes.indexOf(LINE_FEED, start);
    const value = contentOf(path, line, bytes.subarray(start, end));
    if (line === 1) {
      const snapshot = checked(path, line, snapshotSchema, value);
      ({ slide, history } = snapshot);
      snapshotLength = end + 1;
    } else history = replayed(path, line, history, checked(path, line, recordSchema, value));
    start = end + 1;
  }
  if (slide === undefined) throw damaged(path, 1, "the first line is not there");
  return { slide, history, length, snapshotLength, tornBytes: bytes.length - length };
}

function contentOf(path: string, line: number, bytes: Buffer): unknown {
  const [digest, text] = [bytes.subarray(0, DIGITS).toString("latin1"), bytes.subarray(DIGITS + 1)];
  if (digest !== hashBytes(text).slice(0, DIGITS)) {
    throw damaged(path, line, "its checksum does not fit");
  }
  return parseJson(text.toString("utf8"), z.unknown(), (why) => damaged(path, line, why));
}

function checked<Value>(path: string, line: number, schema: z.ZodType<Value>, value: unknown): Value {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw damaged(path, line, whyNot(parsed.error));
}

/** The history after one more record; `next` does not write anything. */
export function advance(history: HistoryState, record: JournalRecord): HistoryState | null {
  switch (record.type) {
    case "edit":
      return withEdit(history, record.title, record.changes, record.author);
    case "undo":
      return withUndo(history, record.author);
    case "redo":
      return withRedo(history, record.author);
  }
}

function replayed(path: string, line: number, history: HistoryState, record: JournalRecord): HistoryState {
  if (record.revision !== history.revision + 1) {
    throw damaged(path, line, `revision ${record.revision} follows ${history.revision}`);
  }
  try {
    const next = advance(history, record);
    if (next !== null) return next;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw damaged(path, line, cause.message);
  }
  throw damaged(path, line, `there is nothing to ${record.type}`);
}

function damaged(path: string, line: number, why: string): EpSamError {
  return new EpSamError("annotation", {
    where: `${path}, line ${line}`,
    what: "is damaged; the saved annotations of this slide are not read and not changed",
    why,
    action: "Put back a copy of the file. Or move it away: the slide then begins without annotations.",
  });
}
