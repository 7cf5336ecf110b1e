import { type ReadonlySignal, signal } from "@preact/signals";
import type { DecodedMask } from "../../../contract/index.js";
import type { MaskRequest, MaskResult, WorkerAnswer, WorkerRequest } from "./messages.js";

/** A worker, as far as it is used here. */
export interface WorkerPort {
  postMessage(message: WorkerRequest): void;
  addEventListener(type: "message", listener: (event: { readonly data: WorkerAnswer }) => void): void;
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
  terminate(): void;
}

export interface BrowserMaskDecoderOptions {
  /** Starts the worker that decodes in the browser. */
  readonly startWorker: () => WorkerPort;
  /** Decodes on the server. */
  readonly decodeOnServer: (request: MaskRequest) => Promise<DecodedMask>;
}

/** Where masks come from, and why not from the browser. */
export interface DecodingPlace {
  readonly engine: MaskResult["engine"] | null;
  /** Milliseconds of the last mask. */
  readonly milliseconds: number | null;
  /** Why the server decodes; null where the browser does. */
  readonly why: string | null;
}

/** The worker could not even be started. */
interface Unable {
  readonly failure: string;
  readonly fromServer: false;
}

/** Not the browser failed but the server, which has forgotten the embedding, or does not answer. */
class ServerError extends Error {
  override readonly name = "ServerError";
}

interface Waiting {
  readonly request: MaskRequest;
  readonly resolve: (result: MaskResult | null) => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Decodes masks, one at a time, in the browser or, from its first failure on, on the server. Of the requests that come
 * while one is under way only the newest counts: prompts that were moved on meanwhile are of no use.
 */
export class BrowserMaskDecoder {
  readonly #options: BrowserMaskDecoderOptions;
  readonly #place = signal<DecodingPlace>({ engine: null, milliseconds: null, why: null });
  #worker: WorkerPort | null = null;
  /** Takes what the worker answers to the request under way. */
  #onAnswer: (answer: WorkerAnswer | Unable) => void = () => undefined;
  #isBusy = false;
  #next: Waiting | null = null;
  #nextId = 1;

  readonly place: ReadonlySignal<DecodingPlace> = this.#place;

  constructor(options: BrowserMaskDecoderOptions) {
    this.#options = options;
  }

  /** The mask, or null when a newer request took its place. */
  decode(request: MaskRequest): Promise<MaskResult | null> {
    return new Promise((resolve, reject) => {
      this.#next?.resolve(null);
      this.#next = { request, resolve, reject };
      if (!this.#isBusy) void this.#work();
    });
  }

  dispose(): void {
    this.#next?.resolve(null);
    this.#next = null;
    this.#worker?.terminate();
    this.#worker = null;
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let waiting = this.#take(); waiting !== null; waiting = this.#take()) {
      try {
        const result = await this.#decodeOne(waiting.request);
        this.#place.value = {
          ...this.#place.value,
          engine: result.engine,
          milliseconds: result.milliseconds,
        };
        waiting.resolve(result);
      } catch (cause) {
        waiting.reject(cause);
      }
    }
    this.#isBusy = false;
  }

  #take(): Waiting | null {
    const next = this.#next;
    this.#next = null;
    return next;
  }

  async #decodeOne(request: MaskRequest): Promise<MaskResult> {
    if (this.#place.value.why === null) {
      try {
        return await this.#decodeHere(request);
      } catch (thrown) {
        if (thrown instanceof ServerError) throw thrown;
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        this.#place.value = { engine: "server", milliseconds: null, why };
        this.#worker?.terminate();
        this.#worker = null;
      }
    }
    const started = performance.now();
    const { area, estimatedIou } = await this.#options.decodeOnServer(request);
    return { area, estimatedIou, milliseconds: performance.now() - started, engine: "server" };
  }

  #decodeHere(request: MaskRequest): Promise<MaskResult> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#onAnswer = (answer) => {
        if (!("failure" in answer)) resolve(answer);
        else reject(answer.fromServer ? new ServerError(answer.failure) : new Error(answer.failure));
      };
      worker.postMessage({ ...request, id: this.#nextId++, withLogits: false });
    });
  }

  #start(): WorkerPort {
    const worker = this.#options.startWorker();
    worker.addEventListener("message", ({ data }) => this.#onAnswer(data));
    worker.addEventListener("error", ({ message = "its worker could not be started" }) =>
      this.#onAnswer({ failure: message, fromServer: false }),
    );
    return worker;
  }
}
