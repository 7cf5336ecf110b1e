import { type FileHandle, open } from "node:fs/promises";
import { extname } from "node:path";
import { messageOf, READ_WITHOUT_WAITING } from "../common/index.js";
import { deepZoomFormat } from "./deep-zoom/open-deep-zoom.js";
import { dicomFormat } from "./dicom/open-dicom.js";
import { otherFormat, scannerFormat } from "./openslide/open-with-openslide.js";
import type { PixelSource } from "./pixel-source.js";
import { plainImageFormat } from "./plain-image.js";
import { slideError } from "./slide-error.js";
import { type OpenSlideOptions, PROBE_BYTES, type SlideFormat, type SlideProbe } from "./slide-format.js";
import { tiffFormat } from "./tiff/open-tiff.js";

/** Every format that is read, in the order in which they are tried. */
const FORMATS: readonly SlideFormat[] = [
  scannerFormat,
  tiffFormat,
  dicomFormat,
  deepZoomFormat,
  plainImageFormat,
  otherFormat,
];

/**
 * Opens a slide or image of any format that is read. Close it when done.
 * @throws EpSamError `slide` when the file is missing, of no known format, or damaged
 */
export async function openSlide(path: string, options: OpenSlideOptions = {}): Promise<PixelSource> {
  const probe = await probeSlide(path);
  const refusals: string[] = [];
  for (const format of FORMATS) {
    if (!format.detect(probe)) continue;
    const opened = await format.open(path, options);
    if (!("refused" in opened)) return opened;
    refusals.push(`${format.name}: ${opened.refused}`);
  }
  throw slideError(
    path,
    "is of no slide format that can be read",
    refusals.length > 0 ? refusals.join("; ") : `tried ${FORMATS.map((format) => format.name).join(", ")}`,
    "Convert it to a tiled pyramidal TIFF, for example with QuPath or libvips.",
  );
}

async function probeSlide(path: string): Promise<SlideProbe> {
  const handle = await open(path, READ_WITHOUT_WAITING).catch((cause: unknown) => {
    throw slideError(path, "cannot be opened", messageOf(cause), "Check the path and its spelling.", cause);
  });
  try {
    return await probeHandle(path, handle);
  } finally {
    await handle.close();
  }
}

async function probeHandle(path: string, handle: FileHandle): Promise<SlideProbe> {
  const status = await handle.stat();
  const extension = extname(path).toLowerCase();
  if (status.isDirectory()) return { path, isDirectory: true, size: 0, head: new Uint8Array(0), extension };
  if (!status.isFile()) throw slideError(path, "is no regular file", undefined, "Give a file's path.");
  if (status.size === 0) throw slideError(path, "is an empty file", "0 bytes");
  const head = new Uint8Array(Math.min(PROBE_BYTES, status.size));
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  return { path, isDirectory: false, size: status.size, head: head.subarray(0, bytesRead), extension };
}
