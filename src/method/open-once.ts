/** A model that is opened when it is first needed, and closed if it was. */
export class OpenOnce<Model extends { close(): Promise<void> }> {
  readonly #open: () => Promise<Model>;
  #opened: Promise<Model> | undefined;

  constructor(open: () => Promise<Model>) {
    this.#open = open;
  }

  /** @throws EpSamError as opening does */
  get(): Promise<Model> {
    if (this.#opened !== undefined) return this.#opened;
    const opened = this.#open();
    this.#opened = opened;
    // What could not be opened may be there the next time; there is nothing to close.
    opened.catch(() => {
      this.#opened = undefined;
    });
    return opened;
  }

  async close(): Promise<void> {
    if (this.#opened !== undefined) await (await this.#opened).close();
  }
}
