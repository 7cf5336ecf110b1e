import { join } from "node:path";
import { closing, isEpSamError, RandomAccessFile } from "../../common/index.js";
import type { MicronsPerPixel } from "../pixel-source.js";
import { slideError } from "../slide-error.js";
import { childNamed, descendants, parseXml } from "../xml-tree.js";

/** What is known of the slide that an image was made from. */
export interface DeepZoomOrigin {
  readonly micronsPerPixel: MicronsPerPixel | null;
  readonly objectivePower: number | null;
}

const UNKNOWN: DeepZoomOrigin = { micronsPerPixel: null, objectivePower: null };
const MAX_BYTES = 2 ** 20;

/**
 * DeepZoom itself knows no resolution; libvips writes the slide's properties beside the tiles
 * (`vips-properties.xml`). They are used when the image has the size of the slide's level 0, so when it was not
 * scaled on the way.
 */
export async function readOrigin(
  folder: string,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<DeepZoomOrigin> {
  const properties = await readProperties(join(folder, "vips-properties.xml"));
  const number = (name: string): number => Number(properties.get(name) ?? Number.NaN);
  if (number("openslide.level[0].width") !== width || number("openslide.level[0].height") !== height) {
    return UNKNOWN;
  }
  const x = number("openslide.mpp-x");
  const y = number("openslide.mpp-y");
  const power = number("openslide.objective-power");
  return {
    micronsPerPixel: isPositive(x) && isPositive(y) ? { x, y } : null,
    objectivePower: isPositive(power) ? power : null,
  };
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

/** The file's names and values; none when it is absent or cannot be read, since nothing depends on it. */
async function readProperties(path: string): Promise<ReadonlyMap<string, string>> {
  try {
    return await closing(RandomAccessFile.open(path, slideError), async (file) => {
      if (file.size > MAX_BYTES) return new Map();
      const text = new TextDecoder().decode(await file.read(0, file.size, "the properties"));
      return new Map(
        descendants(parseXml(path, text), "property").map((property) => [
          childNamed(property, "name")?.text ?? "",
          childNamed(property, "value")?.text ?? "",
        ]),
      );
    });
  } catch (cause) {
    if (isEpSamError(cause, "slide")) return new Map();
    throw cause;
  }
}
