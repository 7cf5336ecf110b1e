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
import { areaOfLogits, clickedRegion, squareLogits } from "../../geometry/index.js";
import type { ServerContext } from "../context.js";
import { jsonBody, parameter } from "../requests.js";
import { Embeddings, type EmbeddingTask } from "./embeddings.js";
import { placePatch, readPatchAt } from "./patch-placement.js";
import { SegmentationProcess } from "./segmentation-process.js";
import { findSegmenter, findSegmenters } from "./segmenters.js";

/**
 * Segmenting with clicks: `GET /segmenters`, `GET /segmenters/:id/decoder`, `POST /slides/:slide/embeddings`,
 * `GET /embeddings/:id`, `GET /embeddings/:id/map`, `POST /embeddings/:id/mask`.
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
    const body: EmbeddingEntry = await context.openSlides.use(slide.path, (opened, version) => {
      const placement = placePatch(opened, segmenter.entry, centre, side);
      const task: EmbeddingTask = {
        segmenter,
        pixels: JSON.stringify([slide.id, version]),
        box: placement.box,
        read: (stopped) =>
          context.openSlides.use(slide.path, (source, now) => {
            if (now !== version) throw changed(slide.path);
            return context.decoding.run(stopped, () => readPatchAt(source, placement, stopped));
          }),
      };
      return embeddings.embed(task, request.req.raw.signal);
    });
    return request.json(body);
  });

  routes.get("/embeddings/:embedding", async (request) => {
    const patch = embeddings.get(parameter(request, "embedding"));
    return binary(bytesOf(await embeddings.embedding(patch, request.req.raw.signal)), IMMUTABLE);
  });

  routes.get("/embeddings/:embedding/map", async (request) => {
    const patch = embeddings.get(parameter(request, "embedding"));
    if (patch.entry.hasMap) {
      return binary(bytesOf(await embeddings.map(patch, request.req.raw.signal)), IMMUTABLE);
    }
    throw new EpSamError("not-found", {
      what: "no map answers clicks here",
      where: patch.entry.id,
      action: "Decode its embedding.",
    });
  });

  routes.post("/embeddings/:embedding/mask", async (request) => {
    const patch = embeddings.get(parameter(request, "embedding"));
    const prompt: DecodeRequest = await jsonBody(request, decodeRequestSchema);
    if (prompt.points.length === 0 && prompt.box === null) {
      throw new EpSamError("usage", { what: "nothing to segment", action: "Give a point or a box." });
    }
    const { signal } = request.req.raw;
    const { box, patchSize, hasMap } = patch.entry;
    const region = hasMap
      ? clickedRegion(squareLogits(await embeddings.map(patch, signal)), prompt, patchSize)
      : null;
    if (region !== null) {
      const body: DecodedMask = { area: areaOfLogits(region.logits, box), estimatedIou: region.certainty };
      return request.json(body);
    }
    const embedding = await embeddings.embedding(patch, signal);
    const { source } = patch.segmenter;
    const work = { kind: "decode", segmenter: source, embedding, prompts: promptArrays(prompt) } as const;
    const { logits, estimatedIou } = await process.run(work, signal);
    const body: DecodedMask = { area: areaOfLogits(squareLogits(logits), box), estimatedIou };
    return request.json(body);
  });

  return routes;
}

/** Headers of what an embedding's id names: it never changes. */
const IMMUTABLE = { "Cache-Control": "private, max-age=86400, immutable" };

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function changed(path: string): EpSamError {
  return new EpSamError("not-found", {
    what: "the slide has changed since this place was embedded",
    where: path,
    action: "Click again: it is embedded anew.",
  });
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
