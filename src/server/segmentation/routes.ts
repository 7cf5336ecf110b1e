import { Hono } from "hono";
import { EpSamError, hashBytes } from "../../common/index.js";
import {
  type DecodedMask,
  type DecodeRequest,
  decodeRequestSchema,
  type EmbeddingEntry,
  embeddingRequestSchema,
  promptArrays,
  type SegmenterEntry,
} from "../../contract/index.js";
import { areaOfLogits } from "../../geometry/index.js";
import type { ServerContext } from "../context.js";
import { jsonBody, parameter } from "../requests.js";
import { Embeddings, type EmbeddingTask } from "./embeddings.js";
import { placePatch, readPatchAt } from "./patch-placement.js";
import { SegmentationProcess } from "./segmentation-process.js";
import { findSegmenter, findSegmenters } from "./segmenters.js";

/**
 * Segmenting with clicks: `GET /segmenters`, `GET /segmenters/:id/decoder`, `POST /slides/:slide/embeddings`,
 * `GET /embeddings/:id`, `POST /embeddings/:id/mask`.
 */
export function segmentationRoutes(context: ServerContext): Hono {
  const routes = new Hono();
  const process = new SegmentationProcess();
  const embeddings = new Embeddings(process);
  context.signal.addEventListener("abort", () => process.close(), { once: true });

  routes.get("/segmenters", async (request) => {
    const body: SegmenterEntry[] = (await findSegmenters(context.workspace)).map(({ entry }) => entry);
    return request.json(body);
  });

  routes.get("/segmenters/:segmenter/decoder", async (request) => {
    const { source } = await findSegmenter(context.workspace, parameter(request, "segmenter"));
    const bytes = await process.run({ kind: "decoder", segmenter: source }, request.req.raw.signal);
    const tag = `"${hashBytes(bytes)}"`;
    const headers = { ETag: tag, "Cache-Control": "private, no-cache" };
    if (request.req.header("if-none-match") === tag) return request.body(null, 304, headers);
    return binary(bytes, headers);
  });

  routes.post("/slides/:slide/embeddings", async (request) => {
    const slide = context.workspace.slide(parameter(request, "slide"));
    const { segmenter: id, centre, side } = await jsonBody(request, embeddingRequestSchema);
    const segmenter = await findSegmenter(context.workspace, id);
    const { signal } = request.req.raw;
    const body: EmbeddingEntry = await context.openSlides.use(slide.path, (source, version) => {
      const placement = placePatch(source, segmenter.entry, centre, side);
      const task: EmbeddingTask = {
        segmenter,
        pixels: JSON.stringify([slide.id, version]),
        box: placement.box,
        read: (stopped) => context.decoding.run(stopped, () => readPatchAt(source, placement, stopped)),
      };
      return embeddings.embed(task, signal);
    });
    return request.json(body);
  });

  routes.get("/embeddings/:embedding", (request) => {
    const { data } = embeddings.get(parameter(request, "embedding"));
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    // The id names content that never changes.
    return binary(bytes, { "Cache-Control": "private, max-age=86400, immutable" });
  });

  routes.post("/embeddings/:embedding/mask", async (request) => {
    const { entry, segmenter, data } = embeddings.get(parameter(request, "embedding"));
    const prompt: DecodeRequest = await jsonBody(request, decodeRequestSchema);
    if (prompt.points.length === 0 && prompt.box === null) {
      throw new EpSamError("usage", { what: "nothing to segment", action: "Give a point or a box." });
    }
    const { logits, estimatedIou } = await process.run(
      { kind: "decode", segmenter: segmenter.source, embedding: data, prompts: promptArrays(prompt) },
      request.req.raw.signal,
    );
    const side = Math.round(Math.sqrt(logits.length));
    const area = areaOfLogits({ width: side, height: side, data: logits }, entry.box);
    const body: DecodedMask = { area, estimatedIou };
    return request.json(body);
  });

  return routes;
}

function binary(bytes: Uint8Array, headers: Readonly<Record<string, string>>): Response {
  // Its own copy of the right length: the bytes may be part of a larger buffer.
  return new Response(Uint8Array.from(bytes), {
    headers: {
      "Content-Type": "application/octet-stream",
      "Content-Length": String(bytes.length),
      ...headers,
    },
  });
}
