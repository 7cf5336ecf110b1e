/** What is said about one file. Remarks of one kind are told once, with their number: a file may have thousands. */
export class Remarks {
  readonly #kinds = new Map<string, { readonly first: string; count: number }>();

  /** @param kind what remarks have in common that are told as one */
  add(place: string, text: string, kind = text): void {
    const known = this.#kinds.get(kind);
    if (known === undefined) this.#kinds.set(kind, { first: `${place}: ${text}`, count: 1 });
    else known.count += 1;
  }

  texts(): string[] {
    return [...this.#kinds.values()].map(({ first, count }) =>
      count === 1 ? first : `${first} (and ${count - 1} more like it)`,
    );
  }
}
