import { AnsweringChild, ChildLost, messageOf, moduleBeside } from "../../common/index.js";
import { slideError } from "../slide-error.js";
import {
  type NotOpened,
  type OpenSlideDescription,
  type OpenSlideQuestion,
  openedSchema,
  type PixelBlock,
  pixelBlockSchema,
} from "./protocol.js";

/** Requests that a child works on at the same time; OpenSlide reads regions in parallel. */
const AT_ONCE = 4;
/** Crashes of one slide after which it is given up. */
const MAX_LOSSES = 3;

type OpenSlideChild = AnsweringChild<OpenSlideQuestion>;

export interface OpenSlideSessionOptions {
  readonly libraries: readonly string[];
  /** Milliseconds until the slide is open, the start of the process included. */
  readonly openTimeout: number;
  /** Milliseconds that one request for pixels may take. */
  readonly timeout: number;
}

/** A slide in a child process that is started again when it is lost. */
export class OpenSlideSession {
  readonly #path: string;
  readonly #options: OpenSlideSessionOptions;
  #child: Promise<OpenSlideChild>;
  #current: OpenSlideChild | null = null;
  #losses = 0;
  #closed = false;

  private constructor(path: string, options: OpenSlideSessionOptions, child: OpenSlideChild) {
    this.#path = path;
    this.#options = options;
    this.#current = child;
    this.#child = Promise.resolve(child);
  }

  /** @throws EpSamError `slide` when OpenSlide crashes or hangs over the slide */
  static async open(
    path: string,
    options: OpenSlideSessionOptions,
  ): Promise<{ session: OpenSlideSession; description: OpenSlideDescription } | NotOpened> {
    const child = startChild();
    const opened = await askToOpen(child, path, options).catch((cause: unknown) => {
      child.end();
      throw failure(path, cause);
    });
    if (!("notOpened" in opened)) {
      return { session: new OpenSlideSession(path, options, child), description: opened };
    }
    child.end();
    return opened;
  }

  /** Process of the child in use, for tests that end it. */
  get pid(): number | undefined {
    return this.#current?.pid;
  }

  /**
   * Asks for pixels.
   * @throws EpSamError `slide` when the slide is damaged there, or OpenSlide crashed or hung over it; the next
   *   request finds a new process
   */
  async pixels(question: OpenSlideQuestion): Promise<PixelBlock> {
    try {
      const child = await this.#livingChild();
      return await child.ask(question, pixelBlockSchema, this.#options.timeout);
    } catch (cause) {
      throw failure(this.#path, cause);
    }
  }

  close(): void {
    this.#closed = true;
    this.#current?.end();
  }

  #livingChild(): Promise<OpenSlideChild> {
    if (this.#current?.isLost === true && !this.#closed) {
      this.#losses += 1;
      this.#current = null;
      this.#child = this.#losses < MAX_LOSSES ? this.#restart() : Promise.reject(tooManyLosses());
      // Whoever asks gets the reason; without an asker it must not end the program.
      this.#child.catch(() => undefined);
    }
    return this.#child;
  }

  async #restart(): Promise<OpenSlideChild> {
    const child = startChild();
    this.#current = child;
    const opened = await askToOpen(child, this.#path, this.#options);
    if (!("notOpened" in opened)) return child;
    child.end();
    throw new Error(opened.reason);
  }
}

function startChild(): OpenSlideChild {
  return new AnsweringChild({ module: moduleBeside(import.meta.url, "./child"), atOnce: AT_ONCE });
}

async function askToOpen(
  child: OpenSlideChild,
  path: string,
  { libraries, openTimeout }: OpenSlideSessionOptions,
): Promise<OpenSlideDescription | NotOpened> {
  return child.ask({ kind: "open", path, libraries }, openedSchema, openTimeout);
}

function tooManyLosses(): ChildLost {
  return new ChildLost(`it was lost ${MAX_LOSSES} times and is not started again`);
}

function failure(path: string, cause: unknown): Error {
  const what = cause instanceof ChildLost ? "made OpenSlide crash or hang" : "cannot be read by OpenSlide";
  return slideError(path, what, messageOf(cause), undefined, cause);
}
