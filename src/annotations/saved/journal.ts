import { type FileHandle, open, readFile } from "node:fs/promises";
import {
  EpSamError,
  exists,
  messageOf,
  type Reporter,
  storageError,
  streamFileAtomically,
} from "../../common/index.js";
import { emptyHistory, type HistoryState } from "./history.js";
import {
  advance,
  type JournalLine,
  type JournalRecord,
  type JournalSlide,
  lengthOf,
  parseJournal,
  recordLine,
  snapshotLine,
} from "./journal-lines.js";

/** Bytes of records after which a journal is worth compacting, when the snapshot is not larger still. */
const COMPACT_BYTES = 1 << 20;

export interface JournalOptions {
  readonly reporter: Reporter;
  /** Default 1 MiB. */
  readonly compactBytes?: number | undefined;
}

/**
 * The saved annotations of one slide: a file of lines that is only appended to. A record counts once it is synced;
 * the file is replaced by a snapshot of everything when its records outgrow that, under another name until it is
 * complete. Calls must not overlap, and one process alone may write.
 */
export class AnnotationJournal {
  readonly #path: string;
  readonly #slide: JournalSlide;
  readonly #options: JournalOptions;
  #history: HistoryState;
  /** Bytes of the file; 0 while there is none. */
  #length: number;
  #snapshotLength: number;

  private constructor(path: string, slide: JournalSlide, options: JournalOptions) {
    this.#path = path;
    this.#slide = slide;
    this.#options = options;
    this.#history = emptyHistory;
    this.#length = 0;
    this.#snapshotLength = 0;
  }

  /**
   * Opens a slide's journal; a slide without one begins without annotations. What a killed program was writing is cut
   * off with a warning.
   * @throws EpSamError `annotation` naming the damaged line, `storage` when the file cannot be read or repaired
   */
  static async open(path: string, slide: JournalSlide, options: JournalOptions): Promise<AnnotationJournal> {
    const journal = new AnnotationJournal(path, slide, options);
    await journal.#read();
    return journal;
  }

  get history(): HistoryState {
    return this.#history;
  }

  /**
   * Saves a record: it is on the disk when this returns.
   * @returns the history after it; null, and nothing saved, when there is nothing to undo or redo
   * @throws EpSamError `storage` when it could not be saved; the journal is then as before
   */
  async append(record: JournalRecord): Promise<HistoryState | null> {
    const next = advance(this.#history, record);
    if (next === null) return null;
    const line = await recordLine(record);
    if (this.#length === 0) await this.#begin(line);
    else await this.#write(line);
    this.#history = next;
    await this.#compactWhenLarge();
    return next;
  }

  async #read(): Promise<void> {
    if (!(await exists(this.#path))) return;
    const bytes = await readFile(this.#path).catch((cause: unknown) => {
      throw new EpSamError("storage", {
        where: this.#path,
        what: "cannot be read",
        why: messageOf(cause),
        action: "Check its permissions.",
      });
    });
    const { history, length, snapshotLength, tornBytes, slide } = parseJournal(this.#path, bytes);
    if (slide.id !== this.#slide.id) throw otherSlide(this.#path, slide, this.#slide);
    if (tornBytes > 0) {
      await this.#cutTo(length);
      this.#options.reporter.warn(
        `${this.#slide.name}: the last edit was being saved when the program ended and is not there ` +
          `(${tornBytes} bytes); all edits that were answered are.`,
      );
    }
    this.#history = history;
    this.#length = length;
    this.#snapshotLength = snapshotLength;
  }

  /** The first record comes with its file, so that there is never an empty one. */
  async #begin(line: JournalLine): Promise<void> {
    const snapshot = await snapshotLine(this.#slide, this.#history);
    await streamFileAtomically(this.#path, (handle) => writeFully(handle, [...snapshot, ...line], 0));
    this.#snapshotLength = lengthOf(snapshot);
    this.#length = this.#snapshotLength + lengthOf(line);
  }

  async #write(line: JournalLine): Promise<void> {
    const handle = await open(this.#path, "r+").catch((cause: unknown) => {
      throw storageError(this.#path, cause);
    });
    try {
      await this.#requireUnchanged(handle);
      try {
        await writeFully(handle, line, this.#length);
        await handle.sync();
      } catch (cause) {
        // What was written must not be found later: the edit is not acknowledged.
        await handle.truncate(this.#length);
        await handle.sync();
        throw storageError(this.#path, cause);
      }
      this.#length += lengthOf(line);
    } finally {
      await handle.close();
    }
  }

  async #requireUnchanged(handle: FileHandle): Promise<void> {
    const { size } = await handle.stat();
    if (size === this.#length) return;
    throw new EpSamError("storage", {
      where: this.#path,
      what: "was changed by another program",
      why: `it has ${size} bytes and not ${this.#length}`,
      action: "End the other program and start `epsam view` again.",
    });
  }

  async #cutTo(length: number): Promise<void> {
    try {
      const handle = await open(this.#path, "r+");
      try {
        await handle.truncate(length);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (cause) {
      throw storageError(this.#path, cause);
    }
  }

  /** The edit is saved already, so that a failure costs nothing but space. */
  async #compactWhenLarge(): Promise<void> {
    const { compactBytes = COMPACT_BYTES, reporter } = this.#options;
    const records = this.#length - this.#snapshotLength;
    if (records <= Math.max(compactBytes, this.#snapshotLength)) return;
    const snapshot = await snapshotLine(this.#slide, this.#history);
    try {
      await streamFileAtomically(this.#path, (handle) => writeFully(handle, snapshot, 0));
    } catch (cause) {
      reporter.warn(`${this.#slide.name}: the journal could not be compacted: ${messageOf(cause)}`);
      return;
    }
    this.#snapshotLength = lengthOf(snapshot);
    this.#length = this.#snapshotLength;
  }
}

async function writeFully(handle: FileHandle, pieces: JournalLine, position: number): Promise<void> {
  let at = position;
  for (const bytes of pieces) {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at);
      done += bytesWritten;
      at += bytesWritten;
    }
  }
}

function otherSlide(path: string, found: JournalSlide, wanted: JournalSlide): EpSamError {
  return new EpSamError("annotation", {
    where: path,
    what: `holds the annotations of ${found.name}, not of ${wanted.name}`,
    action: "Move it away.",
  });
}
