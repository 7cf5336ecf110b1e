import { RandomAccessFile } from "../../common/index.js";
import type { MicronsPerPixel } from "../pixel-source.js";
import { slideError } from "../slide-error.js";
import { ByteWindow } from "./byte-window.js";
import type { DataSet, DicomElement } from "./data-set.js";
import { encapsulatedFrames, type FrameIndex, nativeFrames } from "./frame-index.js";
import { readDicomHeader } from "./parse.js";
import { FramePositions } from "./positions.js";
import { slideProperties } from "./properties.js";
import { DicomTag } from "./tags.js";
import { encodingOf, type PixelEncoding } from "./transfer-syntax.js";

export const WHOLE_SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6";
const MAX_FRAMES = 2 ** 22;
/** Side of a level in pixels; far beyond any scanner, near enough to keep products exact. */
const MAX_LEVEL_SIDE = 2 ** 26;
/** Pixels of one frame: 96 MiB when decoded. */
const MAX_FRAME_PIXELS = 2 ** 25;

export type ImageKind = "volume" | "label" | "overview" | "thumbnail";

/** One DICOM file of a slide: a level, a part of one, or an associated image. */
export interface DicomInstance {
  readonly file: RandomAccessFile;
  readonly kind: ImageKind;
  readonly series: string;
  readonly sopInstance: string;
  readonly pyramid: string | undefined;
  /** Instances with the same one are parts of one image. */
  readonly concatenation: string | undefined;
  /** Frames of the image before this part's first. */
  readonly firstFrame: number;
  readonly width: number;
  readonly height: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly frames: number;
  /** Planes in focus; frames of the first are read. */
  readonly focalPlanes: number;
  readonly encoding: PixelEncoding;
  readonly photometric: string;
  /** True when the file says how its frames lie, by its organization or by their places. */
  readonly isOrderStated: boolean;
  /** Places of the frames; null when they cover the image one after another. */
  readonly positions: FramePositions | null;
  readonly micronsPerPixel: MicronsPerPixel | null;
  readonly objectivePower: number | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly index: FrameIndex;
}

/**
 * Opens one file and reads what it tells about itself; the caller closes `file`.
 * @throws EpSamError `slide` when it is no whole-slide image, damaged, or of a kind that is not read
 */
export async function openInstance(path: string): Promise<DicomInstance> {
  const file = await RandomAccessFile.open(path, slideError);
  try {
    return await readInstance(file);
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

async function readInstance(file: RandomAccessFile): Promise<DicomInstance> {
  const positions = new FramePositions(file.path, MAX_FRAMES);
  const { dataSet, transferSyntax } = await readDicomHeader(new ByteWindow(file), (item) =>
    positions.add(item),
  );
  requireWholeSlide(file.path, dataSet);
  const size = readSize(file.path, dataSet);
  const encoding = encodingOf(file.path, transferSyntax, dataSet);
  const isSparse = isSparseImage(file.path, dataSet, positions, size.frames);
  const opticalPaths =
    dataSet.unsigned(DicomTag.numberOfOpticalPaths) ?? dataSet.items(DicomTag.opticalPaths).length;
  if (opticalPaths > 1) {
    throw slideError(
      file.path,
      "has several optical paths",
      `${opticalPaths}, as in fluorescence`,
      "Export the bright-field image as a slide of its own.",
    );
  }
  return {
    file,
    ...size,
    kind: imageKind(dataSet),
    series: dataSet.text(DicomTag.seriesInstance) ?? "",
    sopInstance: dataSet.text(DicomTag.sopInstance) ?? "",
    pyramid: dataSet.text(DicomTag.pyramid),
    concatenation: dataSet.text(DicomTag.concatenation),
    firstFrame: dataSet.unsigned(DicomTag.concatenationFrameOffset) ?? 0,
    focalPlanes: Math.max(1, dataSet.unsigned(DicomTag.focalPlanes) ?? 1),
    encoding,
    photometric: dataSet.text(DicomTag.photometric) ?? "",
    isOrderStated: isSparse || dataSet.text(DicomTag.dimensionOrganizationType) !== undefined,
    positions: isSparse ? positions : null,
    micronsPerPixel: readSpacing(dataSet),
    objectivePower: positiveOrNull(
      dataSet.items(DicomTag.opticalPaths)[0]?.decimals(DicomTag.objectivePower)[0],
    ),
    properties: slideProperties(dataSet, transferSyntax),
    index: indexFrames(file, dataSet, encoding, size),
  };
}

function requireWholeSlide(path: string, dataSet: DataSet): void {
  const kind = dataSet.text(DicomTag.sopClass);
  if (kind === WHOLE_SLIDE_CLASS) return;
  throw slideError(
    path,
    "is a DICOM file but no whole-slide image",
    `SOP class ${kind ?? "missing"} instead of ${WHOLE_SLIDE_CLASS}`,
    "Give a file of the series with the VL Whole Slide Microscopy Image.",
  );
}

interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly frames: number;
}

function readSize(path: string, dataSet: DataSet): ImageSize {
  const tileWidth = dataSet.unsigned(DicomTag.columns) ?? 0;
  const tileHeight = dataSet.unsigned(DicomTag.rows) ?? 0;
  const width = dataSet.unsigned(DicomTag.totalColumns) ?? tileWidth;
  const height = dataSet.unsigned(DicomTag.totalRows) ?? tileHeight;
  const frames = dataSet.decimals(DicomTag.numberOfFrames)[0] ?? 1;
  if (tileWidth < 1 || tileHeight < 1 || tileWidth * tileHeight > MAX_FRAME_PIXELS) {
    throw slideError(path, "has frames of an impossible size", `${tileWidth} × ${tileHeight} pixels`);
  }
  if (width < 1 || height < 1 || width > MAX_LEVEL_SIDE || height > MAX_LEVEL_SIDE) {
    throw slideError(path, "has an impossible size", `${width} × ${height} pixels`);
  }
  if (!Number.isInteger(frames) || frames < 1 || frames > MAX_FRAMES) {
    throw slideError(path, "has an impossible number of frames", String(frames));
  }
  return { width, height, tileWidth, tileHeight, frames };
}

function isSparseImage(path: string, dataSet: DataSet, positions: FramePositions, frames: number): boolean {
  const organization = dataSet.text(DicomTag.dimensionOrganizationType);
  if (organization === "TILED_FULL") return false;
  const isSparse = organization === "TILED_SPARSE" || positions.placed > 0;
  if (isSparse && positions.placed !== frames) {
    const why = `${positions.placed} places for ${frames} frames`;
    throw slideError(path, "does not say where its frames lie", why);
  }
  return isSparse;
}

/** Without an image type, as early converters wrote, it is taken for the slide itself. */
function imageKind(dataSet: DataSet): ImageKind {
  const flavour = dataSet.texts(DicomTag.imageType)[2];
  if (flavour === "LABEL") return "label";
  if (flavour === "OVERVIEW" || flavour === "LOCALIZER") return "overview";
  return flavour === "THUMBNAIL" ? "thumbnail" : "volume";
}

/** Pixel Spacing: millimetres between rows, then between columns (PS3.3, section 10.7.1.1). */
function readSpacing(dataSet: DataSet): MicronsPerPixel | null {
  const shared = dataSet.items(DicomTag.sharedGroups)[0]?.items(DicomTag.pixelMeasures)[0];
  const spacing = [shared, dataSet].map((set) => set?.decimals(DicomTag.pixelSpacing) ?? []);
  const [rows, columns] = spacing.find((values) => values.length === 2) ?? [];
  const y = positiveOrNull(rows === undefined ? undefined : rows * 1000);
  const x = positiveOrNull(columns === undefined ? undefined : columns * 1000);
  return x === null || y === null ? null : { x, y };
}

function positiveOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : null;
}

function indexFrames(
  file: RandomAccessFile,
  dataSet: DataSet,
  encoding: PixelEncoding,
  size: ImageSize,
): FrameIndex {
  const pixels = dataSet.elements.get(DicomTag.pixelData);
  if (pixels === undefined)
    throw slideError(file.path, "holds no pixels", "the attribute Pixel Data is missing");
  const { frames, tileWidth, tileHeight } = size;
  if (encoding.compression === "none") {
    return nativeFrames(file, pixels, frames, tileWidth * tileHeight * encoding.samples);
  }
  requireUndefinedLength(file, pixels);
  return encapsulatedFrames(file, pixels, frames, dataSet.elements.get(DicomTag.extendedOffsets));
}

function requireUndefinedLength(file: RandomAccessFile, pixels: DicomElement): void {
  if (pixels.length === null) return;
  const why = "its transfer syntax is compressed, its Pixel Data is not in fragments";
  throw slideError(file.path, "contradicts itself", why);
}
