import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type {
  Area,
  Box,
  EmbeddingEntry,
  EmbeddingRequest,
  Position,
  PromptPoint,
  SegmenterEntry,
} from "../../../contract/index.js";
import type { BrowserMaskDecoder } from "./mask-decoder.js";

/** Share of a patch, around its middle, where a first click is taken without a patch of its own. */
const MIDDLE = 0.6;
/** A patch of another size is taken when it differs by less than this factor. */
const ALIKE = 1.5;
/** Most of a patch that prompts may span. */
const SPAN = 0.8;

/** A mask and the patch that it was found in. */
export interface FoundMask {
  readonly area: Area;
  /**
   * SAM's own estimate of the overlap with what was meant, a regression, which may leave 0 to 1; or the mean probability
   * where a run's map answers.
   */
  readonly estimatedIou: number;
  readonly patch: Box;
}

export interface ClickPoint {
  readonly position: Position;
  readonly label: PromptPoint["label"];
}

/** Two opposite corners of a box on the slide. */
export type ClickBox = readonly [Position, Position];

export interface ClickPrompt {
  readonly points: readonly ClickPoint[];
  readonly box: ClickBox | null;
}

export type SessionStatus = "idle" | "embedding" | "decoding" | "ready";

export interface ClickSessionOptions {
  readonly embed: (request: EmbeddingRequest, signal: AbortSignal) => Promise<EmbeddingEntry>;
  readonly decoder: Pick<BrowserMaskDecoder, "decode">;
  readonly decoderAddress: (segmenter: string) => string;
  readonly embeddingAddress: (embedding: string) => string;
  readonly mapAddress: (embedding: string) => string;
  /** What could not be done; requests that were given up are not told. */
  readonly onProblem: (thrown: unknown) => void;
}

const nothing: ClickPrompt = { points: [], box: null };

/**
 * One segmentation by clicks: prompts on the slide, the patch around them, and the mask that SAM makes of both. The
 * patch is embedded once; every further prompt costs a decoding only.
 */
export class ClickSession {
  readonly #options: ClickSessionOptions;
  readonly #prompt = signal<ClickPrompt>(nothing);
  readonly #area = signal<FoundMask | null>(null);
  readonly #status = signal<SessionStatus>("idle");
  #patch: { readonly segmenter: string; readonly entry: EmbeddingEntry } | null = null;
  /** The patch that is being embedded. */
  #embedding: {
    readonly square: Square;
    readonly controller: AbortController;
    readonly result: Promise<EmbeddingEntry>;
  } | null = null;
  #segmenter: SegmenterEntry | null = null;
  /** Side of a patch in level-0 pixels. */
  #side = 0;

  readonly prompt: ReadonlySignal<ClickPrompt> = this.#prompt;
  readonly mask: ReadonlySignal<FoundMask | null> = this.#area;
  readonly status: ReadonlySignal<SessionStatus> = this.#status;
  readonly isEmpty: ReadonlySignal<boolean> = computed(() => {
    const { points, box } = this.#prompt.value;
    return points.length === 0 && box === null;
  });

  constructor(options: ClickSessionOptions) {
    this.#options = options;
  }

  /** The part of the slide that is embedded now. */
  get patchBox(): Box | null {
    return this.#patch?.entry.box ?? null;
  }

  /** Which decoder answers, on patches of which size; what is prompted already is decoded anew. */
  use(segmenter: SegmenterEntry, side: number): void {
    const isOther = this.#segmenter?.id !== segmenter.id;
    this.#segmenter = segmenter;
    this.#side = side;
    if (isOther) this.#giveUpEmbedding();
    if (isOther && !this.isEmpty.value) void this.#update();
  }

  addPoint(point: ClickPoint): void {
    this.#change({ ...this.#prompt.value, points: [...this.#prompt.value.points, point] });
  }

  movePoint(index: number, position: Position): void {
    const { points, box } = this.#prompt.value;
    this.#change({ points: points.map((point, at) => (at === index ? { ...point, position } : point)), box });
  }

  setBox(box: ClickBox | null): void {
    this.#change({ ...this.#prompt.value, box });
  }

  /** Takes back the last point, or the box when there is none. */
  removeLast(): void {
    const { points, box } = this.#prompt.value;
    this.#change(points.length > 0 ? { points: points.slice(0, -1), box } : nothing);
  }

  /** Begins anew; the patch is kept for clicks nearby. */
  clear(): void {
    this.#change(nothing);
  }

  /** Looks at twice as much around the same prompts. */
  widen(): void {
    const known = this.patchBox;
    if (known === null || this.isEmpty.value) return;
    this.#side = 2 * known.width;
    this.#patch = null;
    this.#giveUpEmbedding();
    void this.#update();
  }

  #change(prompt: ClickPrompt): void {
    this.#prompt.value = prompt;
    if (!this.isEmpty.value) {
      void this.#update();
      return;
    }
    this.#giveUpEmbedding();
    batch(() => {
      this.#area.value = null;
      this.#status.value = "idle";
    });
  }

  async #update(): Promise<void> {
    const prompt = this.#prompt.value;
    const before = this.#patch;
    try {
      const entry = await this.#patchFor(prompt);
      // Newer prompts ask for themselves.
      if (this.#prompt.value !== prompt || this.#segmenter === null) return;
      this.#status.value = "decoding";
      const result = await this.#options.decoder.decode({
        decoder: this.#options.decoderAddress(this.#segmenter.id),
        embedding: this.#options.embeddingAddress(entry.id),
        map: entry.hasMap ? this.#options.mapAddress(entry.id) : null,
        box: entry.box,
        patchSize: entry.patchSize,
        prompt: inPatch(prompt, entry),
      });
      // While points move, an answer to where they were a moment ago is better than none.
      if (result === null || this.isEmpty.value) return;
      batch(() => {
        this.#area.value = { area: result.area, estimatedIou: result.estimatedIou, patch: entry.box };
        this.#status.value = "ready";
      });
    } catch (thrown) {
      if (this.#prompt.value !== prompt) return;
      const wasKept = before !== null && this.#patch === before;
      this.#patch = null;
      // The server may have forgotten the embedding, or was started anew: it is made again, once.
      if (wasKept) return this.#update();
      this.#status.value = this.#area.value === null ? "idle" : "ready";
      this.#options.onProblem(thrown);
    }
  }

  /** The embedded patch for the prompts: the present one, or the one that is on its way, where they fit in. */
  async #patchFor(prompt: ClickPrompt): Promise<EmbeddingEntry> {
    const segmenter = this.#segmenter;
    if (segmenter === null) throw new Error("no segmenter is chosen");
    const span = squareAround(prompt);
    const known = this.#patch?.segmenter === segmenter.id ? this.#patch.entry : null;
    if (known !== null && this.#suits(known.box, prompt, span)) return known;
    if (this.#embedding !== null && holds(this.#embedding.square, span)) return this.#embedding.result;
    this.#giveUpEmbedding();
    const square = { centre: span.centre, side: Math.max(this.#side, span.side / SPAN) };
    const controller = new AbortController();
    const request = { segmenter: segmenter.id, ...square };
    const result = this.#options.embed(request, controller.signal);
    this.#embedding = { square, controller, result };
    this.#status.value = "embedding";
    try {
      const entry = await result;
      if (this.#embedding?.result === result) this.#patch = { segmenter: segmenter.id, entry };
      return entry;
    } finally {
      if (this.#embedding?.result === result) this.#embedding = null;
    }
  }

  /** A first click wants a patch of the size that is set, with itself near the middle. */
  #suits(box: Box, { points, box: prompted }: ClickPrompt, span: Square): boolean {
    const square = { centre: { x: box.x + box.width / 2, y: box.y + box.height / 2 }, side: box.width };
    const isFirst = points.length + (prompted === null ? 0 : 1) === 1 && this.#area.value === null;
    if (!isFirst) return holds(square, span);
    const isAlike = square.side < this.#side * ALIKE && square.side > this.#side / ALIKE;
    return isAlike && holds({ ...square, side: square.side * (prompted === null ? MIDDLE : 1) }, span);
  }

  #giveUpEmbedding(): void {
    this.#embedding?.controller.abort();
    this.#embedding = null;
  }
}

/** An upright square of the slide. */
interface Square {
  readonly centre: { readonly x: number; readonly y: number };
  readonly side: number;
}

function holds(outer: Square, { centre, side }: Square): boolean {
  const most = (outer.side - side) / 2;
  return Math.abs(centre.x - outer.centre.x) <= most && Math.abs(centre.y - outer.centre.y) <= most;
}

/** The smallest around all prompts. */
function squareAround({ points, box }: ClickPrompt): Square {
  const positions = [...points.map(({ position }) => position), ...(box ?? [])];
  const [xs, ys] = [positions.map(([x]) => x), positions.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return {
    centre: { x: (left + right) / 2, y: (top + bottom) / 2 },
    side: Math.max(right - left, bottom - top),
  };
}

/** Prompts in pixels of the patch. */
function inPatch({ points, box }: ClickPrompt, entry: EmbeddingEntry) {
  const { patchSize, box: patch } = entry;
  const at = ([x, y]: Position) => ({
    x: ((x - patch.x) * patchSize) / patch.width,
    y: ((y - patch.y) * patchSize) / patch.height,
  });
  const corners = box?.map(at) ?? [];
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  return {
    points: points.map(({ position, label }): PromptPoint => ({ space: "patch", ...at(position), label })),
    box:
      box === null
        ? null
        : ({
            space: "patch",
            left: Math.min(...xs),
            top: Math.min(...ys),
            right: Math.max(...xs),
            bottom: Math.max(...ys),
          } as const),
  };
}
