/** What was made of something, made again when another version of it is there; a failure is not kept. */
export class ByVersion<Value> {
  readonly #held = new Map<string, { readonly version: string; readonly value: Promise<Value> }>();

  /** @throws what `make` throws */
  get(id: string, version: string, make: () => Promise<Value>): Promise<Value> {
    const held = this.#held.get(id);
    if (held?.version === version) return held.value;
    const value = make();
    this.#held.set(id, { version, value });
    value.catch(() => {
      if (this.#held.get(id)?.value === value) this.#held.delete(id);
    });
    return value;
  }
}
