import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationImport,
  AnnotationObject,
  AnnotationSave,
  AnnotationState,
  Problem,
} from "../../../contract/index.js";
import { applyChanges, applySave, fittingChanges, type ObjectMap } from "./apply-changes.js";
import { type NextStep, nextSteps } from "./next-steps.js";
import { type Pending, titleOf } from "./pending.js";

/** How a save ended: saved, or somebody else had saved before. */
export type SaveAnswer = { readonly saved: AnnotationSave } | { readonly conflict: AnnotationConflict };

/** The server, as the store uses it. */
export interface AnnotationApi {
  load(): Promise<AnnotationState>;
  edit(revision: number, title: string, changes: readonly AnnotationChange[]): Promise<SaveAnswer>;
  step(direction: "undo" | "redo", revision: number): Promise<SaveAnswer>;
  importFrom(
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
export class SlideAnnotations {
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
  readonly #next = computed(() => nextSteps(this.#base.value, this.#queue.value));
  /** What undo and redo would do once all that was done is saved. */
  readonly undoStep: ReadonlySignal<NextStep> = computed(() => this.#next.value.undo);
  readonly redoStep: ReadonlySignal<NextStep> = computed(() => this.#next.value.redo);

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
      // What was done before there was anything to do it on waits for this.
      if (this.#isSending || (this.#isLoaded && this.hasUnsaved)) return;
      this.#isLoaded = true;
      this.#accept(state);
      this.#save.value = { state: "saved" };
      this.#send();
    } catch (thrown) {
      this.#save.value = { state: "failed", problem: this.#api.problemOf(thrown) };
    }
  }

  /** Changes objects: seen at once, saved as one edit. */
  edit(title: string, changes: readonly AnnotationChange[]): void {
    if (changes.length > 0) this.#enqueue({ type: "edit", title, changes });
  }

  /** Takes back the last edit of the slide, whoever made it, when what was done before is saved. */
  undo(): void {
    if (this.undoStep.value.isPossible) this.#enqueue({ type: "undo" });
  }

  redo(): void {
    if (this.redoStep.value.isPossible) this.#enqueue({ type: "redo" });
  }

  /** Brings in the annotations of a file, or the outlines that a run has found; resolves once they are saved. */
  importFrom(file: Blob | "results"): Promise<AnnotationImport> {
    return new Promise((done) => this.#enqueue({ type: "import", file, done }));
  }

  /** Another tab, or somebody else, has saved. */
  onRevision(revision: number): void {
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
    // Undo and redo meant another history.
    const own = this.#queue.value.filter(({ type }) => type === "edit" || type === "import");
    this.#queue.value = choice === "discard" ? [] : own;
    this.#save.value = { state: "saved" };
    this.#send();
  }

  #enqueue(pending: Pending): void {
    this.#queue.value = [...this.#queue.value, pending];
    const { state } = this.#save.value;
    // After a failure, the next edit tries again.
    if (state === "conflict" || state === "loading") return;
    if (this.#isLoaded) this.#send();
    else void this.load();
  }

  #send(): void {
    if (this.#isSending) return;
    const [first] = this.#queue.value;
    if (first === undefined) {
      this.#catchUp();
      return;
    }
    const next = this.#onBase(first);
    if (next === null) {
      this.#queue.value = this.#queue.value.slice(1);
      if (!this.hasUnsaved) this.#save.value = { state: "saved" };
      this.#send();
      return;
    }
    this.#isSending = true;
    this.#save.value = { state: "saving" };
    void this.#sendOne(next);
  }

  /** What was done as it fits what is there now that what came before it is saved; null when nothing is left of it. */
  #onBase(pending: Pending): Pending | null {
    const { objects, undo, redo } = this.#base.value;
    if (pending.type === "import") return pending;
    if (pending.type !== "edit") return { undo, redo }[pending.type] === null ? null : pending;
    const changes = fittingChanges(objects, pending.changes);
    return changes.length === 0 ? null : { ...pending, changes };
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
    const answer = await this.#api.importFrom(revision, pending.file);
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

function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
