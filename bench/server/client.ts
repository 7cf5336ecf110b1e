import { Agent, get } from "node:http";
import { RandomStream } from "../../src/common/index.js";

/** What one client asks for again and again. */
export interface Target {
  readonly port: number;
  readonly slide: string;
  /** Tiles along a side of level 0. */
  readonly tilesPerSide: number;
}

export interface Load {
  readonly tilesPerSecond: number;
  readonly medianMilliseconds: number;
  /** Of 100 answers, 95 came within this time. */
  readonly p95Milliseconds: number;
  /** Mean size of a tile. */
  readonly bytes: number;
}

/** Asks for random tiles with so many clients at a time, each for its next when it has the last. */
export async function measureLoad(
  target: Target,
  clients: number,
  tiles: number,
  seed: number,
): Promise<Load> {
  const random = new RandomStream(seed, "bench tiles", clients);
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const times: number[] = [];
  let left = tiles;
  let bytes = 0;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const [column, row] = [random.integer(target.tilesPerSide), random.integer(target.tilesPerSide)];
      const start = performance.now();
      const length = await fetchTile(target, agent, column, row);
      bytes += length;
      times.push(performance.now() - start);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - start) / 1000;
  agent.destroy();
  const sorted = times.toSorted((one, other) => one - other);
  return {
    tilesPerSecond: tiles / seconds,
    medianMilliseconds: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    p95Milliseconds: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN,
    bytes: bytes / tiles,
  };
}

/** The length of a tile's bytes. */
function fetchTile({ port, slide }: Target, agent: Agent, column: number, row: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const path = `/api/slides/${slide}/tiles/0/${column}/${row}`;
    get({ host: "127.0.0.1", port, path, agent }, (response) => {
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(length);
        else reject(new Error(`${path} was answered with ${response.statusCode}`));
      });
    }).on("error", reject);
  });
}
