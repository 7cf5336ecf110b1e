import { createInterface } from "node:readline";
import { openSlide, TileCache } from "../../src/slides/index.js";
import { peakBytes } from "../peak-memory.js";

// Reads regions of one slide on command: a line of JSON [[x, y], …] of corners gives a line {seconds, cpuSeconds,
// peakBytes, sum} for reading them all. Readers use their memory again, unless they are to take new memory for each region.

const [path = "", side = "512", together = "4", isNewMemory = "false"] = process.argv.slice(2);
const slide = await openSlide(path, { tileCache: new TileCache() });
process.stdout.write("{}\n");

const memories = Array.from({ length: Number(together) }, () =>
  isNewMemory === "true" ? undefined : new Uint8Array(Number(side) ** 2 * 3),
);

async function readAll(corners: readonly (readonly [number, number])[]): Promise<number> {
  const queue = corners.values();
  let sum = 0;
  const work = async (memory: Uint8Array<ArrayBuffer> | undefined): Promise<void> => {
    for (const [x, y] of queue) {
      const region = {
        origin: { space: "level-0", x, y } as const,
        level: 0,
        width: Number(side),
        height: Number(side),
      };
      const { data } = await slide.readRegion(region, { memory });
      sum += (data[0] ?? 0) + (data.at(-1) ?? 0);
    }
  };
  await Promise.all(memories.map(work));
  return sum;
}

for await (const line of createInterface({ input: process.stdin })) {
  const corners: [number, number][] = JSON.parse(line);
  const processor = process.cpuUsage();
  const start = performance.now();
  const sum = await readAll(corners);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const answer = { seconds, cpuSeconds: (user + system) / 1e6, peakBytes: await peakBytes(), sum };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await slide.close();
