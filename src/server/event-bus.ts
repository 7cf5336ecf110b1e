import type { ServerEvent } from "../contract/index.js";

/** Carries what happens in the server to everybody who listens, such as open pages. */
export class EventBus {
  readonly #listeners = new Set<(event: ServerEvent) => void>();

  publish(event: ServerEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** @returns ends the subscription */
  subscribe(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  get listeners(): number {
    return this.#listeners.size;
  }
}
