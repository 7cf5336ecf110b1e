/** Counts the tiles that a file leaves out, among the slide's other warnings. */
export class MissingTiles {
  /** The slide's warnings; the count of missing tiles comes last, once there are any. */
  readonly warnings: string[];
  readonly #seen = new Set<string>();
  readonly #position: number;

  constructor(warnings: readonly string[]) {
    this.warnings = [...warnings];
    this.#position = warnings.length;
  }

  /** Notes a missing tile that was read as white; one that is read again counts once. */
  note(level: number, index: number): void {
    this.#seen.add(`${level}/${index}`);
    const count = this.#seen.size;
    this.warnings[this.#position] =
      count === 1
        ? "1 tile that was read is missing from the file and shown white"
        : `${count} tiles that were read are missing from the file and shown white`;
  }
}
