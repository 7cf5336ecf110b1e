import { appendFileSync } from "node:fs";
import { type Reporter, storageError } from "../common/index.js";

/** A reporter that also keeps notes and warnings in a file, with the time. */
export class ProjectLog implements Reporter {
  readonly #path: string;
  readonly #reporter: Reporter;

  constructor(path: string, reporter: Reporter) {
    this.#path = path;
    this.#reporter = reporter;
  }

  progress(event: Parameters<Reporter["progress"]>[0]): void {
    this.#reporter.progress(event);
  }

  note(message: string): void {
    this.write(message);
    this.#reporter.note(message);
  }

  warn(message: string): void {
    this.write(`Warning: ${message}`);
    this.#reporter.warn(message);
  }

  /** Written at once, so that a kill loses nothing. */
  write(message: string): void {
    try {
      appendFileSync(this.#path, `${new Date().toISOString()} ${message}\n`);
    } catch (cause) {
      throw storageError(this.#path, cause);
    }
  }
}
