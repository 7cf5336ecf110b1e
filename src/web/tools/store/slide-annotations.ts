import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type {
  AnnotationImport,
  AnnotationObject,
  AnnotationSave,
  AnnotationState,
  EditChange,
} from "../../../contract/index.js";
import type { AnnotationApi, ImportSource, SaveAnswer, SaveState } from "./annotation-api.js";
import { applyChanges, applySave, areMade, isSame, type ObjectMap, signedBy } from "./apply-changes.js";
import { type NextStep, nextSteps } from "./next-steps.js";
import { addedBy, fittingBase, type Pending, titleOf, withoutObjects } from "./pending.js";

/** Kinds of trouble that may pass: no answer, a server that is busy, a full disk. */
const PASSING: ReadonlySet<string> = new Set(["network", "busy", "storage"]);
/** Milliseconds before the first and, at most, before each further attempt. */
const WAIT = { first: 1_000, most: 30_000 } as const;

/** What is saved, as far as this page knows. */
type Base = Omit<AnnotationState, "objects"> & { readonly objects: ObjectMap };

/**
 * The annotations of one slide: what the server has and, on top of it, what was done since. Each change is seen at
 * once and saved one after another, and stays until it is saved or dropped, whatever the server answers; when another
 * tab has saved meanwhile, saving stops until the user has chosen.
 */
export class SlideAnnotations {
  readonly #api: AnnotationApi;
  readonly #author: () => string | undefined;
  readonly #base = signal<Base>({ revision: 0, objects: new Map(), undo: null, redo: null });
  readonly #queue = signal<readonly Pending[]>([]);
  readonly #save = signal<SaveState>({ state: "loading" });
  /** Revision that another tab has told of. */
  #told = 0;
  #isSending = false;
  #isLoaded = false;
  #attempt: ReturnType<typeof setTimeout> | undefined;
  #wait: number = WAIT.first;

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

  /** @param author who makes the changes now; undefined for nobody who has given a name */
  constructor(api: AnnotationApi, author: () => string | undefined = () => undefined) {
    this.#api = api;
    this.#author = author;
  }

  /** Whether closing the page now would lose something. */
  get hasUnsaved(): boolean {
    return this.#queue.value.length > 0;
  }

  /** What is not saved, in the user's words, in the order it was done. */
  get unsaved(): readonly string[] {
    return this.#queue.value.map(titleOf);
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
      this.#fail(thrown);
    }
  }

  /** Changes objects: seen at once, saved as one edit. */
  edit(title: string, changes: readonly EditChange[]): void {
    const author = this.#author();
    const signed = changes.map((change) => signedBy(change, author));
    if (changes.length > 0) this.#enqueue({ type: "edit", title, changes: signed });
  }

  /** Takes back the last edit of the slide, whoever made it, when what was done before is saved. */
  undo(): void {
    if (this.undoStep.value.isPossible) this.#enqueue({ type: "undo" });
  }

  redo(): void {
    if (this.redoStep.value.isPossible) this.#enqueue({ type: "redo" });
  }

  /**
   * Brings in the annotations of a file, or outlines that a run has found; resolves once they are saved.
   * @throws what the server refuses them with
   */
  importFrom(from: ImportSource): Promise<AnnotationImport> {
    return new Promise((done, refused) => this.#enqueue({ type: "import", from, done, refused }));
  }

  /** Another tab, or somebody else, has saved. */
  onRevision(revision: number): void {
    this.#told = Math.max(this.#told, revision);
    this.#catchUp();
  }

  /** Tries again to save what could not be saved, or to load what could not be loaded. */
  retry(): void {
    if (this.#save.value.state !== "failed") return;
    this.#wait = WAIT.first;
    this.#save.value = { state: this.#isLoaded ? "saving" : "loading" };
    this.#again();
  }

  /** Gives up what could not be saved, and what of later edits builds on it; undo and redo meant another history. */
  drop(): void {
    const [first, ...later] = this.#queue.value;
    if (this.#save.value.state !== "failed" || first === undefined) return;
    const gone = addedBy(first);
    this.#queue.value = later.flatMap((pending) => withoutObjects(pending, gone));
    this.retry();
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

  /** Ends further attempts to save. */
  dispose(): void {
    clearTimeout(this.#attempt);
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
    const next = fittingBase(first, this.#base.value);
    if (next === null) {
      this.#queue.value = this.#queue.value.slice(1);
      if (!this.hasUnsaved) this.#save.value = { state: "saved" };
      this.#send();
      return;
    }
    this.#isSending = true;
    clearTimeout(this.#attempt);
    // Trouble is over when something is saved, not when it is tried again.
    if (this.#save.value.state !== "failed") this.#save.value = { state: "saving" };
    void this.#sendOne(next, first);
  }

  /** @param whole what was done, of which `pending` is what the server is asked for */
  async #sendOne(pending: Pending, whole: Pending): Promise<void> {
    // What was dropped meanwhile is no longer the first.
    const withoutThis = () => this.#queue.value.filter((one) => one !== whole);
    try {
      const answer = await this.#ask(pending);
      if ("conflict" in answer) {
        this.#isSending = false;
        const { current } = answer.conflict;
        if (pending.type !== "edit" || !areMade(current.objects, pending.changes)) {
          this.#save.value = { state: "conflict", conflict: answer.conflict, own: this.unsaved };
          return;
        }
        // It was saved before, and the answer was lost.
        batch(() => {
          this.#accept(current);
          this.#queue.value = withoutThis();
          this.#save.value = { state: this.hasUnsaved ? "saving" : "saved" };
        });
        this.#send();
        return;
      }
      // Told of a save on something else than what is here, the page needs everything.
      const isNext = answer.saved.since === this.#base.value.revision;
      const saved = isNext ? answer.saved : await this.#api.load();
      this.#isSending = false;
      this.#wait = WAIT.first;
      batch(() => {
        if ("since" in saved) this.#advance(saved);
        else this.#accept(saved);
        this.#queue.value = withoutThis();
        this.#save.value = { state: this.hasUnsaved ? "saving" : "saved" };
      });
      answer.done?.();
      this.#send();
    } catch (thrown) {
      this.#isSending = false;
      this.#fail(thrown);
      const isLasting = this.#save.value.state === "failed" && !this.#save.value.isPassing;
      // Nothing is lost with what is no drawing, and it must not stand before what comes after it.
      if (!isLasting || pending.type === "edit") return;
      this.#queue.value = withoutThis();
      if (pending.type !== "import") return;
      this.#save.value = { state: this.hasUnsaved ? "saving" : "saved" };
      pending.refused(thrown);
      this.#send();
    }
  }

  /** Tells of trouble, and tries again after a while where it may have passed. */
  #fail(thrown: unknown): void {
    const problem = this.#api.problemOf(thrown);
    const isPassing = PASSING.has(problem.tag);
    this.#save.value = { state: "failed", problem, isPassing };
    clearTimeout(this.#attempt);
    if (!isPassing) return;
    this.#attempt = setTimeout(() => this.#again(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, WAIT.most);
  }

  #again(): void {
    clearTimeout(this.#attempt);
    if (this.#isLoaded && this.hasUnsaved) this.#send();
    else void this.load();
  }

  async #ask(pending: Pending): Promise<SaveAnswer & { readonly done?: () => void }> {
    const { revision } = this.#base.value;
    const author = this.#author();
    if (pending.type === "edit") return this.#api.edit({ revision, author }, pending.title, pending.changes);
    if (pending.type !== "import") return this.#api.step(pending.type, { revision, author });
    const answer = await this.#api.importFrom({ revision, author }, pending.from);
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
