import { type Context, Hono } from "hono";
import { WorkQueue } from "../common/index.js";
import { thumbnailQuery } from "../contract/index.js";
import type { RgbImage } from "../imaging/index.js";
import { type PixelSource, readThumbnail } from "../slides/index.js";
import { matchesTag, ownedBytes, pictureHeaders, pictureResponse } from "./caching.js";
import type { ServerContext } from "./context.js";
import { notFound } from "./problem.js";
import { indexParameter, parameter, queryOf } from "./requests.js";
import { SharedWork } from "./shared-work.js";
import { servedLevels } from "./slides/served-levels.js";
import { encodedTile, encodePicture, storedTile, type TileAddress } from "./slides/slide-tile.js";
import { levelAt } from "./tile-place.js";
import type { WorkspaceSlide } from "./workspace/workspace.js";

/** Thumbnails and associated images, of which there are few. */
const PICTURE_CACHE_BYTES = 32 * 2 ** 20;
/** Tiles of computed levels, each of which stands for megapixels of the slide. */
const COARSE_TILE_CACHE_BYTES = 64 * 2 ** 20;
/** Each takes up to 48 MiB while it is made. */
const COARSE_AT_ONCE = 2;
const COARSE_WAITING = 256;

/** Thumbnail, tiles and associated images of slides. */
export function tileRoutes(context: ServerContext): Hono {
  const routes = new Hono();
  const pictures = new SharedWork<Uint8Array>(PICTURE_CACHE_BYTES, ({ length }) => length);
  const coarseTiles = new SharedWork<Uint8Array>(COARSE_TILE_CACHE_BYTES, ({ length }) => length);
  const coarse = new WorkQueue({ running: COARSE_AT_ONCE, waiting: COARSE_WAITING });
  const slideOf = (request: Context): WorkspaceSlide => context.workspace.slide(parameter(request, "slide"));

  routes.get("/slides/:slide/thumbnail", async (request) => {
    const { path } = slideOf(request);
    const { size } = queryOf(request, thumbnailQuery);
    const version = await context.openSlides.use(path, async (_source, opened) => opened);
    return wholePicture(request, path, `${version}-thumbnail-${size}`, (source, signal) =>
      readThumbnail(source, size, { signal }),
    );
  });

  routes.get("/slides/:slide/associated/:name", async (request) => {
    const { path } = slideOf(request);
    const name = parameter(request, "name");
    const tag = await context.openSlides.use(path, async ({ associatedImages }, version) => {
      if (!associatedImages.includes(name)) throw notFound("there is no such image", name);
      return `${version}-associated-${associatedImages.indexOf(name)}`;
    });
    return wholePicture(request, path, tag, (source, signal) => source.readAssociatedImage(name, { signal }));
  });

  routes.get("/slides/:slide/tiles/:level/:column/:row", (request) => {
    const { path } = slideOf(request);
    const index = indexParameter(request, "level");
    const [column, row] = [indexParameter(request, "column"), indexParameter(request, "row")];
    const { signal } = request.req.raw;
    return context.openSlides.use(path, async (source, version) => {
      const address: TileAddress = { level: levelAt(servedLevels(source), index), column, row };
      const headers = pictureHeaders("image/jpeg", `${version}-${index}-${column}-${row}`);
      if (matchesTag(knownTag(request), headers)) return new Response(null, { status: 304, headers });
      const stored = await context.reading.run(signal, () => storedTile(source, address, signal));
      if (stored !== null) headers.set("Content-Type", stored.mediaType);
      const bytes = stored?.bytes ?? (await encoded(path, `${path}\n${version}`, source, address, signal));
      return new Response(ownedBytes(bytes), { headers });
    });
  });
  return routes;

  /** Opened again by the computation itself, which may outlast the request that began it. */
  function wholePicture(
    request: Context,
    path: string,
    tag: string,
    read: (source: PixelSource, signal: AbortSignal) => Promise<RgbImage>,
  ): Promise<Response> {
    return pictureResponse({ known: knownTag(request), mediaType: "image/jpeg", tag }, () =>
      pictures.get(`${path}\n${tag}`, request.req.raw.signal, (aborted) =>
        context.openSlides.use(path, (source) =>
          context.background.run(aborted, async () => encodePicture(await read(source, aborted))),
        ),
      ),
    );
  }

  function encoded(
    path: string,
    key: string,
    source: PixelSource,
    address: TileAddress,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { level, column, row } = address;
    if (level.factor === 1) return context.decoding.run(signal, () => encodedTile(source, address, signal));
    return coarseTiles.get(`${key}\n${level.factor}-${column}-${row}`, signal, (aborted) =>
      context.openSlides.use(path, (opened) =>
        coarse.run(aborted, () => encodedTile(opened, address, aborted)),
      ),
    );
  }
}

function knownTag(request: Context): string | undefined {
  return request.req.header("if-none-match");
}
