import { type FileHandle, open } from "node:fs/promises";
import { extname } from "node:path";
import {
  isRemotePath,
  messageOf,
  type RandomAccessFile,
  READ_WITHOUT_WAITING,
  remotePath,
} from "../common/index.js";
import { deepZoomFormat } from "./deep-zoom/open-deep-zoom.js";
import { dicomFormat } from "./dicom/open-dicom.js";
import { openSlideFile } from "./open-file.js";
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
 * @param given path, or address of a TIFF or image on a server (`https://`, `http://`, `s3://`), of which the parts that
 *   are wanted are read
 * @throws EpSamError `slide` when the file is missing, of no known format, or damaged; `network` when its server cannot be
 *   reached; `usage` for a malformed address
 */
export async function openSlide(given: string, options: OpenSlideOptions = {}): Promise<PixelSource> {
  const path = remotePath(given);
  if (isRemotePath(path)) return openRemoteSlide(path, options);
  const probe = await probeSlide(path);
  const refusals: string[] = [];
  for (const format of FORMATS) {
    if (!format.detect(probe)) continue;
    const opened = await format.open(path, options);
    if (!("refused" in opened)) return opened;
    refusals.push(`${format.name}: ${opened.refused}`);
  }
  throw unreadable(path, refusals);
}

/** Formats of one file, which this package reads itself, come by parts; others have to be copied here. */
async function openRemoteSlide(path: string, options: OpenSlideOptions): Promise<PixelSource> {
  const file = await openSlideFile(path);
  const probe = await probeFile(file);
  const format = FORMATS.find((candidate) => candidate.detect(probe));
  if (format?.openFile === undefined) {
    await file.close();
    throw format === undefined ? unreadable(path, []) : mustBeLocal(path, `it is of the kind ${format.name}`);
  }
  const opened = await format.openFile(file, options);
  if (!("refused" in opened)) return opened;
  throw mustBeLocal(path, opened.refused);
}

function unreadable(path: string, refusals: readonly string[]) {
  return slideError(
    path,
    "is of no slide format that can be read",
    refusals.length > 0 ? refusals.join("; ") : `tried ${FORMATS.map((format) => format.name).join(", ")}`,
    "Convert it to a tiled pyramidal TIFF, for example with QuPath or libvips.",
  );
}

function mustBeLocal(path: string, why: string) {
  const action =
    "Download it first: of files on servers, TIFF (also SVS, OME-TIFF, Philips) and images are read.";
  return slideError(path, "is of a format that must be on this machine", why, action);
}

async function probeFile(file: RandomAccessFile): Promise<SlideProbe> {
  const { path, size } = file;
  try {
    const head = await file.read(0, Math.min(PROBE_BYTES, size), "the head");
    return { path, isDirectory: false, size, head, extension: extname(path).toLowerCase() };
  } catch (cause) {
    await file.close();
    throw cause;
  }
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
