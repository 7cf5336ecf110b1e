/** The process that feeds embeddings on webgpu: writes one line of JSON with what a graph there is given. */
import { device, floatsOf, GraphSession, input, mean } from "../../../src/graph/index.js";
import { EmbeddingFeeds } from "../../../src/training/embedding-feeds.js";
import type { PatchEmbeddings } from "../../../src/training/patch-embeddings.js";
import { embeddedPatch, numberedEmbeddings } from "../numbered-embeddings.js";

const webgpu = device("webgpu", 1);
const EMBEDDING_BYTES = 4 * 256 * 64 * 64;
const calls: string[] = [];

const embeddings = numberedEmbeddings(calls) as PatchEmbeddings;
const feeds = await EmbeddingFeeds.create(embeddings, webgpu, {
  batchSize: 2,
  deviceBytes: 3 * EMBEDDING_BYTES,
});
const average = await GraphSession.create({ means: mean(input("x", [2, 256, 64, 64]), [1, 2, 3]) }, webgpu);

async function meansOf(...ids: string[]): Promise<number[]> {
  return feeds.with(ids.map(embeddedPatch), async (x) => [...floatsOf(await average.run({ x }), "means")]);
}

const means = [
  await meansOf("1", "2"),
  await meansOf("2", "3"),
  await meansOf("1", "4"),
  await meansOf("2", "2"),
];
const { held } = feeds;
await feeds.close();
process.stdout.write(`${JSON.stringify({ means, calls, held })}\n`);
process.exit();
