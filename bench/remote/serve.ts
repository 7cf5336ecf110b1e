import { open, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { RangeServer } from "../../scripts/fixtures/range-server.js";

// Serves one file by ranges, `file latency bandwidth` (milliseconds, bytes a second): a line with its address, then for
// each line that is read one with what was moved since {bytes, requests}.

const [file = "", latency = "0", bandwidth = "Infinity"] = process.argv.slice(2);
const server = await new RangeServer().start();
const handle = await open(file);
const { size } = await stat(file);
const address = server.add("/slide.tif", {
  size,
  etag: '"bench"',
  async read(first, last) {
    const bytes = Buffer.alloc(last - first + 1);
    await handle.read(bytes, 0, bytes.length, first);
    return bytes;
  },
});
server.latency = Number(latency);
server.bandwidth = Number(bandwidth);
process.stdout.write(`${address}\n`);
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ bytes: server.bytes, requests: server.requests.length })}\n`);
  server.forget();
}
await server.close();
await handle.close();
