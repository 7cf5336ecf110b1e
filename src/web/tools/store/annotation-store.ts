import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationImport,
  AnnotationObject,
  AnnotationSave,
  AnnotationState,
  Problem,
} from "../../../server/contract/index.js";
import { applyChanges, applySave, fittingChanges, type ObjectMap } from "./apply-changes.js";

/** How a save ended: saved, or somebody else had saved before. */
export type SaveAnswer = { readonly saved: AnnotationSave } | { readonly conflict: AnnotationConflict };

/** The server, as the store uses it. */
export interface AnnotationApi {
  load(): Promise<AnnotationState>;
  edit(revision: number, title: string, changes: readonly AnnotationChange[]): Promise<SaveAnswer>;
  step(direction: "undo" | "redo", revision: number): Promise<SaveAnswer>;
  bringIn(
    revision: number,
    file: Blob | "results",
  ): Promise<AnnotationImport | { readonly conflict: AnnotationConflict }>;
  /** Anything thrown, as it is shown. */
  problemOf(thrown: unknown): Problem;
}

/** Whether what is seen is saved. */
export type SaveState =
  | { readonly state: "loading" | "saved" | "saving" }
  | { readonly state: "failed"; readonly problem: Problem }
  | { readonly state: "conflict"; readonly conflict: AnnotationConflict; readonly own: readonly string[] };

/** Something the user did that is not saved yet. */
type Pending =
  | { readonly type: "edit"; readonly title: string; readonly changes: readonly AnnotationChange[] }
  | { readonly type: "undo" | "redo" }
  | {
      readonly type: "import";
      readonly file: Blob | "results";
      readonly done: (result: AnnotationImport) => void;
    };

/** What is saved, as far as this page knows. */
interface Base {
  readonly revision: number;
  readonly objects: ObjectMap;
  readonly undo: string | null;
  readonly redo: string | null;
}

/**
 * The annotations of one slide: what the server has and, on top of it, what was done since. Each change is seen at
 * once and saved one after another; when another tab has saved meanwhile, saving stops until the user has chosen.
 */
export class AnnotationStore {
  readonly #api: AnnotationApi;
  readonly #base = signal<Base>({ revision: 0, objects: new Map(), undo: null, redo: null });
  readonly #queue = signal<readonly Pending[]>([]);
  readonly #save = signal<SaveState>({ state: "loading" });
  /** Revision that another tab has told of. */
  #told = 0;
  #isSending = false;
  #isLoaded = false;

  /** Everything as it is seen. */
  readonly objects: ReadonlySignal<ObjectMap> = computed(() =>
    this.#queue.value.reduce(
      (objects, pending) => (pending.type === "edit" ? applyChanges(objects, pending.changes) : objects),
      this.#base.value.objects,
    ),
  );
  readonly saveState: ReadonlySignal<SaveState> = this.#save;
  /** What undo would take back, in the user's words. */
  readonly undoTitle: ReadonlySignal<string | null> = computed(() => {
    const last = this.#queue.value.at(-1);
    if (last === undefined) return this.#base.value.undo;
    return last.type === "edit" ? last.title : null;
  });
  readonly redoTitle: ReadonlySignal<string | null> = computed(() =>
    this.#queue.value.length === 0 ? this.#base.value.redo : null,
  );

  constructor(api: AnnotationApi) {
    this.#api = api;
  }

  /** Whether closing the page now would lose something. */
  get hasUnsaved(): boolean {
    return this.#queue.value.length > 0;
  }

  /** Fetches what the server has. */
  async load(): Promise<void> {
    try {
      const state = await this.#api.load();
      this.#isLoaded = true;
      if (this.#isSending || this.hasUnsaved) return;
      this.#accept(state);
      this.#save.value = { state: "saved" };
    } catch (thrown) {
      this.#save.value = { state: "failed", problem: this.#api.problemOf(thrown) };
    }
  }

  /** Changes objects: seen at once, saved as one edit. */
  edit(title: string, changes: readonly AnnotationChange[]): void {
    if (changes.length > 0) this.#enqueue({ type: "edit", title, changes });
  }

  /** Takes back the last saved edit of the slide, whoever made it. */
  undo(): void {
    if (this.undoTitle.value !== null) this.#enqueue({ type: "undo" });
  }

  redo(): void {
    if (this.redoTitle.value !== null) this.#enqueue({ type: "redo" });
  }

  /** Brings in the annotations of a file, or the outlines that a run has found; resolves once they are saved. */
  bringIn(file: Blob | "results"): Promise<AnnotationImport> {
    return new Promise((done) => this.#enqueue({ type: "import", file, done }));
  }

  /** Another tab, or somebody else, has saved. */
  heardOf(revision: number): void {
    this.#told = Math.max(this.#told, revision);
    this.#catchUp();
  }

  /** Tries again to save what could not be saved, or to load what could not be loaded. */
  retry(): void {
    if (this.#save.value.state !== "failed") return;
    if (!this.#isLoaded) void this.load();
    else if (this.hasUnsaved) this.#send();
    else this.#save.value = { state: "saved" };
  }

  /**
   * Ends a conflict: with what others saved as the new ground, one's own edits are done again on top of it, or let go.
   */
  resolve(choice: "reapply" | "discard"): void {
    const save = this.#save.value;
    if (save.state !== "conflict") return;
    this.#accept(save.conflict.current);
    this.#queue.value = choice === "discard" ? [] : this.#fitting();
    this.#save.value = { state: "saved" };
    this.#send();
  }

  /** What was not saved, as far as it still fits what is there now. */
  #fitting(): Pending[] {
    const fitting: Pending[] = [];
    let { objects } = this.#base.value;
    for (const pending of this.#queue.value) {
      if (pending.type === "import") fitting.push(pending);
      // Undo and redo meant another history.
      if (pending.type !== "edit") continue;
      const changes = fittingChanges(objects, pending.changes);
      if (changes.length > 0) fitting.push({ ...pending, changes });
      objects = applyChanges(objects, changes);
    }
    return fitting;
  }

  #enqueue(pending: Pending): void {
    this.#queue.value = [...this.#queue.value, pending];
    const { state } = this.#save.value;
    // After a failure, the next edit tries again.
    if (state !== "conflict" && state !== "loading") this.#send();
  }

  #send(): void {
    if (this.#isSending) return;
    const [first] = this.#queue.value;
    if (first === undefined) {
      this.#catchUp();
      return;
    }
    this.#isSending = true;
    this.#save.value = { state: "saving" };
    void this.#sendOne(first);
  }

  async #sendOne(pending: Pending): Promise<void> {
    try {
      const answer = await this.#ask(pending);
      if ("conflict" in answer) {
        this.#isSending = false;
        this.#save.value = {
          state: "conflict",
          conflict: answer.conflict,
          own: this.#queue.value.map(titleOf),
        };
        return;
      }
      // Told of a save on something else than what is here, the page needs everything.
      const isNext = answer.saved.since === this.#base.value.revision;
      const saved = isNext ? answer.saved : await this.#api.load();
      this.#isSending = false;
      batch(() => {
        if ("since" in saved) this.#advance(saved);
        else this.#accept(saved);
        this.#queue.value = this.#queue.value.slice(1);
        this.#save.value = { state: this.hasUnsaved ? "saving" : "saved" };
      });
      answer.done?.();
      this.#send();
    } catch (thrown) {
      this.#isSending = false;
      // What the server refuses for good must not stand before what comes after it.
      const problem = this.#api.problemOf(thrown);
      if (problem.tag !== "network") this.#queue.value = this.#queue.value.slice(1);
      this.#save.value = { state: "failed", problem };
    }
  }

  async #ask(pending: Pending): Promise<SaveAnswer & { readonly done?: () => void }> {
    const { revision } = this.#base.value;
    if (pending.type === "edit") return this.#api.edit(revision, pending.title, pending.changes);
    if (pending.type !== "import") return this.#api.step(pending.type, revision);
    const answer = await this.#api.bringIn(revision, pending.file);
    if ("conflict" in answer) return answer;
    return { saved: answer.save, done: () => pending.done(answer) };
  }

  /** Begins anew from everything that the server has. */
  #accept({ revision, objects, undo, redo }: AnnotationState): void {
    const known = new Map(objects.map((object) => [object.id, this.#known(object)]));
    this.#rebase({ revision, objects: known, undo, redo });
  }

  /** Goes on from what was there to what a save made of it. */
  #advance(save: AnnotationSave): void {
    const added = save.added.map(({ object, below }) => ({ object: this.#known(object), below }));
    const updated = save.updated.map((object) => this.#known(object));
    const objects = applySave(this.#base.value.objects, { ...save, added, updated });
    this.#rebase({ revision: save.revision, objects, undo: save.undo, redo: save.redo });
  }

  #rebase(base: Base): void {
    this.#base.value = base;
    this.#told = Math.max(this.#told, base.revision);
  }

  /** Objects that stayed the same keep their identity, and with it what was made from them, such as paths. */
  #known(object: AnnotationObject): AnnotationObject {
    const before = [this.objects.value.get(object.id), this.#base.value.objects.get(object.id)];
    return before.find((one) => one !== undefined && isSame(one, object)) ?? object;
  }

  #catchUp(): void {
    const isCurrent = this.#told <= this.#base.value.revision;
    if (isCurrent || this.#isSending || this.hasUnsaved || this.#save.value.state === "conflict") return;
    void this.load();
  }
}

function titleOf(pending: Pending): string {
  if (pending.type === "edit") return pending.title;
  return { undo: "Undo", redo: "Redo", import: "Import" }[pending.type];
}

function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
