import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  AnnotationJournal,
  type ChosenClasses,
  emptyHistory,
  type HistoryState,
  type JournalRecord,
  type JournalSlide,
  journalPath,
  listJournals,
  parseJournal,
  readChosenClasses,
  saveBetween,
  stateOf,
  titlesSince,
  writeChosenClasses,
} from "../../annotations/index.js";
import {
  EpSamError,
  exists,
  lockDirectory,
  RecentlyUsed,
  type Reporter,
  storageError,
} from "../../common/index.js";
import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationEdit,
  AnnotationSave,
  AnnotationState,
  AnnotationStep,
} from "../../contract/index.js";
import { checkEdit, withoutJudgements } from "./check-edit.js";

/** Journals that are kept in memory; others are read again when they are asked for. */
const KEPT_JOURNALS = 24;

/** An edit was saved, or somebody else had saved before. */
export type SaveOutcome = { readonly saved: AnnotationSave } | { readonly conflict: AnnotationConflict };

export interface AnnotationStoreOptions {
  readonly reporter: Reporter;
  /** Called after each save. */
  readonly onSaved?: ((slide: string, revision: number) => void) | undefined;
  /** See `AnnotationJournal`. */
  readonly compactBytes?: number | undefined;
}

/**
 * The saved annotations of all slides. Edits of a slide take turns; each is on the disk before its outcome is told,
 * and one that was made on another revision than the current one changes nothing.
 */
export class AnnotationStore {
  readonly #folder: string;
  readonly #options: AnnotationStoreOptions;
  /** One that leaves while it is its turn goes on with what it has; the next turn reads the file again. */
  readonly #journals = new RecentlyUsed<string, AnnotationJournal>({ limit: KEPT_JOURNALS });
  readonly #counts = new Map<string, ObjectCounts>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #unlock: Promise<() => Promise<void>> | undefined;
  #choosing: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Nothing is touched before the first call. */
  constructor(folder: string, options: AnnotationStoreOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** @throws EpSamError `annotation` when the journal is damaged, `storage` */
  async state(slide: JournalSlide): Promise<AnnotationState> {
    // Looking takes no lock and leaves no trace, so that it works where nothing can be written, too.
    const isUntouched = this.#unlock === undefined && !(await exists(journalPath(this.#folder, slide.id)));
    return isUntouched ? stateOf(emptyHistory) : this.#stateInTurn(slide);
  }

  #stateInTurn(slide: JournalSlide): Promise<AnnotationState> {
    return this.#inTurn(slide, async (journal) => stateOf(journal.history));
  }

  /** How many objects are saved for a slide, rejected ones included. */
  async count(slide: JournalSlide): Promise<ObjectCounts> {
    const known = this.#counts.get(slide.id);
    return known ?? countsOf((await this.state(slide)).objects);
  }

  /** @throws EpSamError as `checkEdit` for changes that do not fit, `storage` when it cannot be saved */
  edit(slide: JournalSlide, { changes, ...edit }: AnnotationEdit): Promise<SaveOutcome> {
    return this.derivedEdit(slide, edit, async (history) => withoutJudgements(history, changes));
  }

  /** As {@link edit}, with changes that depend on what is there; nothing is saved when there are none. */
  derivedEdit(
    slide: JournalSlide,
    { revision, title, author }: Omit<AnnotationEdit, "changes">,
    derive: (history: HistoryState) => Promise<readonly AnnotationChange[]>,
  ): Promise<SaveOutcome> {
    return this.#save(slide, revision, async (history) => {
      const changes = await derive(history);
      if (changes.length === 0) return null;
      await checkEdit(history, changes);
      return { type: "edit", revision: revision + 1, at: now(), author, title, changes };
    });
  }

  /** Takes the last edit of the slide back, whoever made it. @throws EpSamError `usage` when there is none */
  undo(slide: JournalSlide, step: AnnotationStep): Promise<SaveOutcome> {
    return this.#step(slide, step, "undo");
  }

  /** Does again what was undone last. @throws EpSamError `usage` when there is nothing */
  redo(slide: JournalSlide, step: AnnotationStep): Promise<SaveOutcome> {
    return this.#step(slide, step, "redo");
  }

  /** Slides that anything was saved for. @throws EpSamError `annotation` when a journal is damaged */
  async savedSlides(): Promise<JournalSlide[]> {
    const paths = await listJournals(this.#folder);
    return Promise.all(paths.map(async (path) => parseJournal(path, await readFile(path)).slide));
  }

  /** What was chosen of classes. @throws EpSamError `annotation` when the file is damaged */
  classes(): Promise<ChosenClasses> {
    return readChosenClasses(this.#folder);
  }

  /** Chooses something of classes. @throws EpSamError `busy` when another server saves here, `storage` */
  async changeClasses(change: (chosen: ChosenClasses) => ChosenClasses): Promise<void> {
    await this.#lock();
    const turn = this.#choosing.then(async () => {
      await writeChosenClasses(this.#folder, change(await this.classes()));
    });
    // A failure belongs to its own caller and not to the next.
    this.#choosing = turn.catch(() => undefined);
    await turn;
  }

  /** Waits for saves under way and gives the folder free. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#turns.values(), this.#choosing]);
    const unlock = await this.#unlock;
    this.#unlock = undefined;
    await unlock?.();
  }

  #step(
    slide: JournalSlide,
    { revision, author }: AnnotationStep,
    type: "undo" | "redo",
  ): Promise<SaveOutcome> {
    return this.#save(slide, revision, async (history) => {
      if (history[type].length > 0) return { type, revision: revision + 1, at: now(), author };
      throw new EpSamError("usage", { where: slide.name, what: `there is nothing to ${type}` });
    });
  }

  #save(
    slide: JournalSlide,
    revision: number,
    recordOf: (history: HistoryState) => Promise<JournalRecord | null>,
  ): Promise<SaveOutcome> {
    return this.#inTurn(slide, async (journal) => {
      const { history } = journal;
      if (history.revision !== revision) return { conflict: conflictOf(slide, history, revision) };
      const record = await recordOf(history);
      if (record === null) return { saved: saveBetween(history, history) };
      const next = (await this.#append(slide, journal, record)) ?? history;
      this.#counts.set(slide.id, countsOf(next.objects.map(({ object }) => object)));
      this.#options.onSaved?.(slide.id, next.revision);
      return { saved: saveBetween(history, next) };
    });
  }

  async #append(slide: JournalSlide, journal: AnnotationJournal, record: JournalRecord) {
    try {
      return await journal.append(record);
    } catch (failure) {
      // What the disk holds now is known only by reading it.
      this.#journals.delete(slide.id);
      throw failure;
    }
  }

  async #inTurn<Result>(
    slide: JournalSlide,
    task: (journal: AnnotationJournal) => Promise<Result>,
  ): Promise<Result> {
    if (this.#isClosed) throw new EpSamError("busy", { what: "the server is ending" });
    const before = this.#turns.get(slide.id) ?? Promise.resolve();
    const turn = before.then(async () => task(await this.#journal(slide)));
    // A failure belongs to its own caller and not to the next.
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(slide.id, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(slide.id) === settled) this.#turns.delete(slide.id);
    }
  }

  async #journal(slide: JournalSlide): Promise<AnnotationJournal> {
    await this.#lock();
    const journal = await this.#journals.load(slide.id, () =>
      AnnotationJournal.open(journalPath(this.#folder, slide.id), slide, this.#options),
    );
    this.#counts.set(slide.id, countsOf(journal.history.objects.map(({ object }) => object)));
    return journal;
  }

  /** One server at a time writes here; another one's half-written snapshots are nobody's then. */
  #lock(): Promise<unknown> {
    this.#unlock ??= this.#takeFolder().catch((failure: unknown) => {
      this.#unlock = undefined;
      throw failure;
    });
    return this.#unlock;
  }

  async #takeFolder(): Promise<() => Promise<void>> {
    await mkdir(this.#folder, { recursive: true }).catch((cause: unknown) => {
      throw storageError(this.#folder, cause);
    });
    const unlock = await lockDirectory(this.#folder, {
      name: "annotations.lock",
      tag: "busy",
      activity: "saving annotations in",
      why: "two servers would mix their edits",
    });
    for (const name of await readdir(this.#folder)) {
      if (/^\..*\.tmp$/.test(name)) await rm(join(this.#folder, name), { force: true });
    }
    return unlock;
  }
}

function now(): string {
  return new Date().toISOString();
}

function conflictOf(slide: JournalSlide, history: HistoryState, revision: number): AnnotationConflict {
  return {
    problem: {
      tag: "conflict",
      what: "the annotations have changed since this edit was begun",
      where: slide.name,
      why: `it was made on revision ${revision}, and ${history.revision} is the current one`,
      action: "Look at what was saved meanwhile, and repeat the edit if it still fits.",
    },
    current: stateOf(history),
    since: titlesSince(history, revision),
  };
}

/** How many objects a slide has, and how many of them nobody has judged. */
export interface ObjectCounts {
  readonly all: number;
  readonly unreviewed: number;
}

function countsOf(objects: readonly Pick<AnnotationState["objects"][number], "review">[]): ObjectCounts {
  return {
    all: objects.length,
    unreviewed: objects.filter(({ review }) => review === "unreviewed").length,
  };
}
