const NONE = -1;

/**
 * Vertices of outlines under construction: linked lists in typed arrays, whose places are used again when an
 * outline is complete. Coordinates are in half pixels, so that the middles of pixel edges are whole numbers.
 */
export class VertexPool {
  #x = new Int32Array(1024);
  #y = new Int32Array(1024);
  #next = new Int32Array(1024);
  #used = 0;
  #free = NONE;

  add(x: number, y: number): number {
    const place = this.#place();
    this.#x[place] = x;
    this.#y[place] = y;
    this.#next[place] = NONE;
    return place;
  }

  /** Makes `to` follow `from`. */
  link(from: number, to: number): void {
    this.#next[from] = to;
  }

  isAt(vertex: number, x: number, y: number): boolean {
    return this.#x[vertex] === x && this.#y[vertex] === y;
  }

  /**
   * Takes a closed outline out of the pool.
   * @returns x and y in turn, without repeated vertices and without those on a straight line
   */
  takeRing(first: number): Int32Array {
    const coordinates: number[] = [];
    let vertex = first;
    do {
      pushTurning(coordinates, this.#x[vertex] ?? 0, this.#y[vertex] ?? 0);
      const next = this.#next[vertex] ?? NONE;
      this.#next[vertex] = this.#free;
      this.#free = vertex;
      vertex = next;
    } while (vertex !== first);
    return closeRing(coordinates);
  }

  #place(): number {
    if (this.#free !== NONE) {
      const place = this.#free;
      this.#free = this.#next[place] ?? NONE;
      return place;
    }
    if (this.#used === this.#x.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const enlarged = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(2 * old.length);
      array.set(old);
      return array;
    };
    this.#x = enlarged(this.#x);
    this.#y = enlarged(this.#y);
    this.#next = enlarged(this.#next);
  }
}

/** Appends a vertex; drops it when it repeats the last one, and the last one when all three are in line. */
function pushTurning(coordinates: number[], x: number, y: number): void {
  const count = coordinates.length;
  const lastX = coordinates[count - 2];
  const lastY = coordinates[count - 1];
  if (lastX === undefined || lastY === undefined) {
    coordinates.push(x, y);
    return;
  }
  if (lastX === x && lastY === y) return;
  const beforeX = coordinates[count - 4];
  const beforeY = coordinates[count - 3];
  if (beforeX !== undefined && beforeY !== undefined && inLine(beforeX, beforeY, lastX, lastY, x, y)) {
    coordinates.length -= 2;
  }
  coordinates.push(x, y);
}

/** The same rules across the place where the ring closes. */
function closeRing(coordinates: number[]): Int32Array {
  const [firstX = 0, firstY = 0] = coordinates;
  pushTurning(coordinates, firstX, firstY);
  // Now the first vertex is there twice; the last copy goes, and the first one too when it is on a line.
  const lastIsFirst = coordinates.at(-2) === firstX && coordinates.at(-1) === firstY;
  if (lastIsFirst) coordinates.length -= 2;
  const [, , secondX = 0, secondY = 0] = coordinates;
  const endX = coordinates.at(-2) ?? 0;
  const endY = coordinates.at(-1) ?? 0;
  return Int32Array.from(
    inLine(endX, endY, firstX, firstY, secondX, secondY) ? coordinates.slice(2) : coordinates,
  );
}

function inLine(ax: number, ay: number, bx: number, by: number, cx: number, cy: number): boolean {
  return (bx - ax) * (cy - ay) === (cx - ax) * (by - ay);
}
