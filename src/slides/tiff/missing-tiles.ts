/** Counts the tiles that a file leaves out, among the slide's other warnings. */
export class MissingTiles {
  /** The slide's warnings; the counts of missing tiles come last, once there are any. */
  readonly warnings: string[];
  readonly #white = new Set<string>();
  readonly #drawn = new Set<string>();
  readonly #position: number;

  constructor(warnings: readonly string[]) {
    this.warnings = [...warnings];
    this.#position = warnings.length;
  }

  /** Notes a missing tile that was read, as white or drawn from a finer level; one that is read again counts once. */
  note(level: number, index: number, isDrawn: boolean): void {
    (isDrawn ? this.#drawn : this.#white).add(`${level}/${index}`);
    const counts = [
      ...counted(this.#white.size, "shown white"),
      ...counted(this.#drawn.size, "drawn from the next finer level"),
    ];
    this.warnings.splice(this.#position, 2, ...counts);
  }
}

function counted(count: number, how: string): string[] {
  if (count === 0) return [];
  return count === 1
    ? [`1 tile that was read is missing from the file and ${how}`]
    : [`${count} tiles that were read are missing from the file and ${how}`];
}
