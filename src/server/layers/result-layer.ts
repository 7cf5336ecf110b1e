import sharp from "sharp";
import type { LayerEntry } from "../../contract/index.js";
import type { GreyImage, RgbImage } from "../../imaging/index.js";
import type { OpenSlides } from "../open-slides.js";
import type { ResultRaster } from "../results/find-results.js";
import { type ServedLevel, servedLevels } from "../slides/served-levels.js";
import { readPlace } from "../slides/slide-tile.js";
import { levelAt, type TilePlace, tilePlace } from "../tile-place.js";
import { opaqueId } from "../workspace/identifiers.js";
import type { Layer } from "./layer.js";

const TITLES: Readonly<Record<ResultRaster["kind"], string>> = {
  "tumour-mask": "Tumour mask",
  probability: "Tumour probability",
  "class-activation-map": "Class activation map",
};

/**
 * A raster that `epsam infer` wrote, over the slide it belongs to.
 * @param slideWidth level-0 pixels of the slide
 * @throws EpSamError `slide` when the raster cannot be opened
 */
export async function resultLayer(
  openSlides: OpenSlides,
  { kind, path, version }: ResultRaster,
  origin: string,
  slideWidth: number,
): Promise<Layer> {
  const served = await openSlides.use(path, async (source) => servedLevels(source));
  const scale = wholeOrExact(slideWidth / (served[0]?.width ?? slideWidth));
  const entry: LayerEntry = {
    id: opaqueId("layer", kind, path, version),
    kind,
    title: TITLES[kind],
    origin,
    levels: served.map(({ width, height, downsample, tileWidth, tileHeight }) => ({
      ...{ width, height, tileWidth, tileHeight },
      downsample: downsample * scale,
    })),
    values: kind === "tumour-mask" ? "mask" : "fraction",
  };
  return {
    entry,
    readTile: (index, column, row, signal) =>
      openSlides.use(path, async (source) => {
        const level = levelAt(served, index);
        const place = tilePlace(level, column, row);
        const region = await readPlace(source, level, place, signal);
        return level.factor === 1 ? firstChannel(region) : reduced(region, level, place, entry.values);
      }),
  };
}

/** A raster of a whole downsample has rounded its size up. */
function wholeOrExact(scale: number): number {
  const whole = Math.round(scale);
  return Math.abs(scale / whole - 1) < 0.01 ? whole : scale;
}

function firstChannel({ width, height, data }: RgbImage): GreyImage {
  const grey = new Uint8Array(width * height);
  for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = data[pixel * 3] ?? 0;
  return { width, height, data: grey };
}

/** A computed level: masks keep their values, fractions are averaged. */
async function reduced(
  region: RgbImage,
  { factor }: ServedLevel,
  { width, height }: TilePlace,
  values: LayerEntry["values"],
): Promise<GreyImage> {
  const kernel = values === "mask" ? sharp.kernel.nearest : sharp.kernel.linear;
  const { data } = await sharp(region.data, {
    raw: { width: region.width, height: region.height, channels: 3 },
  })
    .resize(width, height, { fit: "fill", kernel: factor === 1 ? sharp.kernel.nearest : kernel })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return firstChannel({ width, height, data });
}
