import { resolve } from "node:path";
import { untilAborted } from "../../common/index.js";
import type { Level0Box } from "../../geometry/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { ClosableSource } from "../closable-source.js";
import { type ComparedPicture, levelsThatShowTheSame } from "../looks-alike.js";
import type {
  Coverage,
  MicronsPerPixel,
  PixelSource,
  ReadOptions,
  Region,
  SlideLevel,
} from "../pixel-source.js";
import { plausibleResolution } from "../plausible-resolution.js";
import { levelRectangle } from "../region.js";
import { slideError } from "../slide-error.js";
import type { Refusal, SlideFormat, SlideProbe } from "../slide-format.js";
import { installationHint, libraryNames } from "./library-names.js";
import type { NotOpened, OpenSlideDescription, OpenSlideQuestion } from "./protocol.js";
import { OpenSlideSession } from "./session.js";

/** Side of the blocks that are asked for, so that neither process holds much more than the region itself. */
const BLOCK_SIDE = 2048;
/** Milliseconds for opening and for each read: enough for a slow network, not for ever. */
const TIMEOUT = 60_000;
const MAX_LEVEL_SIDE = 2 ** 31;
/** Pixels of a rectangle up to which levels are compared there. */
const MOST_COMPARED = 2 ** 22;

/** Extensions of formats that OpenSlide alone reads. A .mrxs file is a JPEG picture of the slide, too. */
const EXTENSIONS = new Set([".mrxs", ".ndpi", ".vms", ".vmu", ".scn", ".bif", ".svslide", ".czi"]);

/** Vendors whose scanners magnify once more behind the objective: 20× has 0.22 to 0.24 microns there. */
const ADAPTED = new Set(["mirax", "zeiss"]);

export interface LibraryOptions {
  /** Libraries to try instead of the system's. */
  readonly libraries?: readonly string[] | undefined;
  /** Milliseconds that one request for pixels may take; 60 s by default. */
  readonly timeout?: number | undefined;
}

/** NDPI, MIRAX and other scanners' own formats, recognised by their extension and tried first. */
export const scannerFormat: SlideFormat = {
  name: "NDPI, MIRAX and others through OpenSlide",
  detect: isScannerFile,
  open: (path) => openWithOpenSlide(path),
};

/** Files under other names whose first bytes are those of a format that OpenSlide has, tried last. */
export const otherFormat: SlideFormat = {
  name: "others through OpenSlide",
  detect: (probe) => !isScannerFile(probe) && hasScannerBytes(probe),
  open: (path) => openWithOpenSlide(path),
};

/** TIFF in a dialect that the TIFF reader leaves alone, SQLite (Sakura), and Zeiss CZI. */
function hasScannerBytes({ head }: SlideProbe): boolean {
  const text = Buffer.from(head.subarray(0, 16)).toString("latin1");
  return /^(?:II|MM|SQLite format 3|ZISRAWFILE)/.test(text);
}

function isScannerFile({ extension, isDirectory }: SlideProbe): boolean {
  return !isDirectory && EXTENSIONS.has(extension);
}

/**
 * Opens a slide with the system's OpenSlide in a process of its own.
 * @throws EpSamError `slide` when the library is missing for a format that it alone reads, or fails
 */
export async function openWithOpenSlide(
  path: string,
  options: LibraryOptions = {},
): Promise<OpenSlideSource | Refusal> {
  const libraries = options.libraries ?? libraryNames(process.platform, process.env);
  const timeout = options.timeout ?? TIMEOUT;
  // The child may have another working directory one day; absolute paths are safe.
  const opened = await OpenSlideSession.open(resolve(path), { libraries, timeout, openTimeout: TIMEOUT });
  if ("notOpened" in opened) return refuse(path, opened);
  const { session, description } = opened;
  try {
    return new OpenSlideSource(path, session, description, await usableLevels(path, session, description));
  } catch (failure) {
    session.close();
    throw failure;
  }
}

/** A level as this package counts it, and its number in OpenSlide. */
interface UsableLevel extends SlideLevel {
  readonly number: number;
}

interface UsableLevels {
  readonly levels: readonly UsableLevel[];
  readonly warnings: readonly string[];
}

/** The levels without those that show something else than the level above. */
async function usableLevels(
  path: string,
  session: OpenSlideSession,
  { levels, properties }: OpenSlideDescription,
): Promise<UsableLevels> {
  const warnings: string[] = [];
  const usable = await levelsThatShowTheSame(
    levels.map((level, number) => ({ ...slideLevel(path, level, number, properties), number })),
    (level) => pictureOf(session, level),
    ({ number }) =>
      warnings.push(`level ${number} shows something else than the level above, and is left out`),
  );
  return { levels: usable, warnings };
}

function pictureOf(session: OpenSlideSession, { number, ...level }: UsableLevel): ComparedPicture {
  return {
    ...level,
    async readPixels({ left, top, width, height }) {
      if (width * height > MOST_COMPARED) return null;
      const [x, y] = [Math.ceil(left * level.downsample), Math.ceil(top * level.downsample)];
      const block = await session.pixels({ kind: "region", level: number, x, y, width, height });
      return block.missing > 0 ? null : block;
    },
  };
}

function refuse(path: string, { notOpened, reason }: NotOpened): Refusal {
  if (notOpened === "unknown format") return { refused: reason };
  if (notOpened === "failed") throw slideError(path, "cannot be read by OpenSlide", reason);
  if (!EXTENSIONS.has(/\.[^.]*$/.exec(path.toLowerCase())?.[0] ?? "")) {
    return { refused: "OpenSlide is not installed" };
  }
  throw slideError(
    path,
    "needs the library OpenSlide, which is not installed",
    reason,
    `${installationHint(process.platform)} Or convert the slide to a tiled pyramidal TIFF.`,
  );
}

/** A slide that OpenSlide reads. */
export class OpenSlideSource extends ClosableSource implements PixelSource {
  readonly #session: OpenSlideSession;
  /** Of each level in OpenSlide. */
  readonly #numbers: readonly number[];

  constructor(
    path: string,
    session: OpenSlideSession,
    { version, vendor, properties, associatedImages }: OpenSlideDescription,
    { levels, warnings }: UsableLevels,
  ) {
    const told = {
      micronsPerPixel: resolutionOf(properties),
      objectivePower: positive(properties["openslide.objective-power"]),
    };
    const { objectivePower } = told;
    const isAdapted = ADAPTED.has(vendor);
    const resolution = plausibleResolution({ ...told, objectivePower: isAdapted ? null : objectivePower });
    super({
      path,
      ...told,
      micronsPerPixel: resolution.micronsPerPixel,
      warnings: [...resolution.warnings, ...warnings],
      format: `${vendor} through OpenSlide ${version}`,
      levels: levels.map(({ number: _, ...level }) => level),
      associatedImages,
      bounds: boundsOf(properties),
      properties,
    });
    this.#session = session;
    this.#numbers = levels.map(({ number }) => number);
  }

  /** Process that reads the slide. */
  get childPid(): number | undefined {
    return this.#session.pid;
  }

  async readRegion(region: Region, options: ReadOptions = {}): Promise<RgbImage> {
    const { width, height } = levelRectangle(this.path, this.levels, region);
    const data = new Uint8Array(width * height * 3);
    for await (const { left, top, block } of this.#blocks(region, this.signal(options))) {
      for (let row = 0; row < block.height; row++) {
        const source = block.data.subarray(row * block.width * 3, (row + 1) * block.width * 3);
        data.set(source, ((top + row) * width + left) * 3);
      }
    }
    return { width, height, data };
  }

  /**
   * OpenSlide tells what was not scanned by transparent pixels alone, and draws nothing from finer levels but Aperio's
   * tiles. What lies beyond the slide is not missing.
   */
  async coverage(region: Region, options: ReadOptions = {}): Promise<Coverage> {
    const rectangle = levelRectangle(this.path, this.levels, region);
    const { width = 0, height = 0, downsample = 1 } = this.levels[region.level] ?? {};
    const left = Math.max(0, rectangle.left);
    const top = Math.max(0, rectangle.top);
    const inside: Region = {
      level: region.level,
      origin: { space: "level-0", x: Math.round(left * downsample), y: Math.round(top * downsample) },
      width: Math.min(width, rectangle.left + rectangle.width) - left,
      height: Math.min(height, rectangle.top + rectangle.height) - top,
    };
    for await (const { block } of this.#blocks(inside, this.signal(options))) {
      if (block.missing > 0) return "missing";
    }
    return "stored";
  }

  async *#blocks(region: Region, signal: AbortSignal) {
    for (let top = 0; top < region.height; top += BLOCK_SIDE) {
      for (let left = 0; left < region.width; left += BLOCK_SIDE) {
        signal.throwIfAborted();
        const block = await untilAborted(this.#session.pixels(this.#block(region, left, top)), signal);
        yield { left, top, block };
      }
    }
  }

  /** Regions begin where they are asked to; further blocks of large ones at the nearest level-0 pixel. */
  #block({ level, origin, width, height }: Region, left: number, top: number): OpenSlideQuestion {
    const downsample = this.levels[level]?.downsample ?? 1;
    return {
      kind: "region",
      level: this.#numbers[level] ?? level,
      x: origin.x + Math.round(left * downsample),
      y: origin.y + Math.round(top * downsample),
      width: Math.min(BLOCK_SIDE, width - left),
      height: Math.min(BLOCK_SIDE, height - top),
    };
  }

  async readAssociatedImage(name: string, options: ReadOptions = {}): Promise<RgbImage> {
    const signal = this.signal(options);
    signal.throwIfAborted();
    if (this.associatedImages.includes(name)) {
      return untilAborted(this.#session.pixels({ kind: "associated", name }), signal);
    }
    throw this.noAssociatedImage(name);
  }

  protected override async release(): Promise<void> {
    this.#session.close();
  }
}

function slideLevel(
  path: string,
  { width, height, downsample }: OpenSlideDescription["levels"][number],
  index: number,
  properties: OpenSlideDescription["properties"],
): SlideLevel {
  const isSize = (side: number): boolean => Number.isSafeInteger(side) && side > 0 && side <= MAX_LEVEL_SIDE;
  if (!(isSize(width) && isSize(height) && downsample >= 1)) {
    throw slideError(path, "has an impossible size", `level ${index}: ${width} × ${height}, 1/${downsample}`);
  }
  const tileWidth = positive(properties[`openslide.level[${index}].tile-width`]);
  const tileHeight = positive(properties[`openslide.level[${index}].tile-height`]);
  const tileSize =
    tileWidth === null || tileHeight === null ? null : { width: tileWidth, height: tileHeight };
  return { width, height, downsample, tileSize };
}

function resolutionOf(properties: OpenSlideDescription["properties"]): MicronsPerPixel | null {
  const x = positive(properties["openslide.mpp-x"]);
  const y = positive(properties["openslide.mpp-y"]);
  return x === null || y === null ? null : { x, y };
}

/** Undefined unless all four are told as whole numbers, as QuPath wants them. */
function boundsOf(properties: OpenSlideDescription["properties"]): Level0Box | undefined {
  const [left, top, width, height] = ["x", "y", "width", "height"].map((name) => {
    const text = properties[`openslide.bounds-${name}`] ?? "";
    return /^-?\d+$/.test(text) ? Number(text) : undefined;
  });
  if (left === undefined || top === undefined || width === undefined || height === undefined)
    return undefined;
  return { left, top, right: left + width, bottom: top + height };
}

function positive(text: string | undefined): number | null {
  const value = Number(text ?? Number.NaN);
  return Number.isFinite(value) && value > 0 ? value : null;
}
