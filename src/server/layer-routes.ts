import { type Context, Hono } from "hono";
import sharp from "sharp";
import type { GreyImage } from "../imaging/index.js";
import { pictureResponse } from "./caching.js";
import type { ServerContext } from "./context.js";
import type { SlideLayers } from "./layers/slide-layers.js";
import { notFound } from "./problem.js";
import { indexParameter, parameter } from "./requests.js";
import type { Teachings } from "./teaching/teachings.js";

/** Fast; tiles of masks are mostly empty, and go no further than this machine or a tunnel. */
const PNG_COMPRESSION = 3;

/** `GET /slides/:slide/layers/:layer/tiles/:level/:column/:row` */
export function layerRoutes(
  context: ServerContext,
  layers: SlideLayers,
  teachings: Pick<Teachings, "layer">,
): Hono {
  const routes = new Hono();
  routes.get("/slides/:slide/layers/:layer/tiles/:level/:column/:row", async (request: Context) => {
    const slide = context.workspace.slide(parameter(request, "slide"));
    const id = parameter(request, "layer");
    const level = indexParameter(request, "level");
    const column = indexParameter(request, "column");
    const row = indexParameter(request, "row");
    const { signal } = request.req.raw;
    const taught = teachings.layer(slide.id, id);
    const layer = taught ?? (await layers.layer(slide, id, signal));
    if (layer === undefined) throw notFound("there is no such layer", id);
    const known = request.req.header("if-none-match");
    const tag = `${id}-${level}-${column}-${row}`;
    const make = async (): Promise<Uint8Array> =>
      encodeGrey(await layer.readTile(level, column, row, signal));
    return pictureResponse({ known, mediaType: "image/png", tag }, () =>
      // Waiting for a tissue mask, or a model, must not take the place of tiles that can be made at once.
      layer.entry.kind === "tissue-mask" || taught !== undefined
        ? make()
        : context.decoding.run(signal, make),
    );
  });
  return routes;
}

/** 8-bit grey PNG of one channel. */
export function encodeGrey({ width, height, data }: GreyImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png({ compressionLevel: PNG_COMPRESSION })
    .toBuffer();
}
