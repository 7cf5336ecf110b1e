import { writeFile } from "node:fs/promises";
import type { RgbImage } from "../../src/imaging/index.js";

/** What a test wants in a DICOM whole-slide file; everything has a sound default. */
export interface DicomOptions {
  readonly width: number;
  readonly height: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** Encoded or raw frames in the order of the file. */
  readonly frames: readonly Uint8Array[];
  readonly transferSyntax?: string;
  readonly series?: string;
  readonly sopInstance?: string;
  readonly sopClass?: string;
  /** Third value of Image Type; null leaves the attribute out. */
  readonly flavour?: string | null;
  readonly photometric?: string;
  readonly samples?: number;
  readonly bits?: number;
  readonly planar?: number;
  /** Millimetres between rows and between columns. */
  readonly spacing?: readonly [number, number];
  readonly organization?: "TILED_FULL" | "TILED_SPARSE" | null;
  /** Column and row of every frame in pixels, counted from 1, for sparse images. */
  readonly positions?: readonly (readonly [number, number])[];
  readonly offsets?: "basic" | "extended" | "none";
  /** Added to every offset of the table, to make it wrong. */
  readonly offsetError?: number;
  /** Pieces that every frame is cut into. */
  readonly fragments?: number;
  readonly concatenation?: { readonly uid: string; readonly firstFrame: number };
  readonly opticalPaths?: number;
  readonly focalPlanes?: number;
  readonly pyramid?: string;
  /** Instead of the number of frames there are. */
  readonly claimedFrames?: string;
  /** Further elements, written as they are before the functional groups. */
  readonly extra?: readonly Uint8Array[];
  /** Sequences with delimiters instead of lengths. */
  readonly undefinedLengths?: boolean;
  readonly objectivePower?: string;
}

export const JPEG_BASELINE = "1.2.840.10008.1.2.4.50";
export const EXPLICIT = "1.2.840.10008.1.2.1";
export const IMPLICIT = "1.2.840.10008.1.2";
export const WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6";

const LONG = new Set(["OB", "OW", "OV", "SQ", "UN", "UT"]);
const UNDEFINED = 0xffff_ffff;

/** One element in Little Endian; `length` overrides the true one. */
export function element(
  tag: number,
  vr: string,
  value: Uint8Array,
  implicit = false,
  length?: number,
): Buffer {
  const claimed = length ?? value.length;
  const isLong = LONG.has(vr) && !implicit;
  const head = Buffer.alloc(isLong ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  if (!implicit) head.write(vr, 4, "latin1");
  if (implicit) head.writeUInt32LE(claimed, 4);
  else if (isLong) head.writeUInt32LE(claimed, 8);
  else head.writeUInt16LE(claimed, 6);
  return Buffer.concat([head, value]);
}

function padded(text: string, filler = " "): Buffer {
  return Buffer.from(text.length % 2 === 0 ? text : text + filler, "latin1");
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
}

/** An item of a sequence or a fragment. */
export function item(content: Uint8Array): Buffer {
  return element(0xfffee000, "", content, true);
}

const ITEM_END = element(0xfffee00d, "", Buffer.alloc(0), true);
export const SEQUENCE_END = element(0xfffee0dd, "", Buffer.alloc(0), true);

class Writer {
  readonly parts: Buffer[] = [];
  readonly implicit: boolean;
  readonly undefinedLengths: boolean;

  constructor(implicit: boolean, undefinedLengths: boolean) {
    this.implicit = implicit;
    this.undefinedLengths = undefinedLengths;
  }

  add(tag: number, vr: string, value: Uint8Array): void {
    this.parts.push(element(tag, vr, value, this.implicit));
  }

  text(tag: number, vr: string, value: string): void {
    this.add(tag, vr, padded(value, vr === "UI" ? "\0" : " "));
  }

  sequence(tag: number, items: readonly Uint8Array[]): void {
    if (!this.undefinedLengths) {
      this.add(tag, "SQ", Buffer.concat(items.map(item)));
      return;
    }
    const content = items.flatMap((bytes) => [
      element(0xfffee000, "", Buffer.alloc(0), true, UNDEFINED),
      Buffer.from(bytes),
      ITEM_END,
    ]);
    this.parts.push(element(tag, "SQ", Buffer.alloc(0), this.implicit, UNDEFINED), ...content, SEQUENCE_END);
  }

  nested(): Writer {
    return new Writer(this.implicit, this.undefinedLengths);
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/** The bytes of a DICOM whole-slide file. */
export function dicomBytes(options: DicomOptions): Buffer {
  const transferSyntax = options.transferSyntax ?? JPEG_BASELINE;
  const meta = new Writer(false, false);
  meta.text(0x00020010, "UI", transferSyntax);
  const body = new Writer(transferSyntax === IMPLICIT, options.undefinedLengths ?? false);
  writeIdentity(body, options);
  writePixelAttributes(body, options);
  const isNative = transferSyntax === EXPLICIT || transferSyntax === IMPLICIT;
  if (isNative) body.add(0x7fe00010, "OW", Buffer.concat(options.frames));
  else writeFragments(body, options);
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), meta.bytes(), body.bytes()]);
}

export async function writeDicom(path: string, options: DicomOptions): Promise<string> {
  await writeFile(path, dicomBytes(options));
  return path;
}

let instances = 0;

function writeIdentity(body: Writer, options: DicomOptions): void {
  instances += 1;
  const flavour = options.flavour === undefined ? "VOLUME" : options.flavour;
  if (flavour !== null) body.text(0x00080008, "CS", `ORIGINAL\\PRIMARY\\${flavour}\\NONE`);
  body.text(0x00080016, "UI", options.sopClass ?? WHOLE_SLIDE);
  body.text(0x00080018, "UI", options.sopInstance ?? `1.2.3.${instances}`);
  if (options.pyramid !== undefined) body.text(0x00080019, "UI", options.pyramid);
  body.text(0x00080070, "LO", "Made by a test");
  body.text(0x00100010, "PN", "Secret^Patient");
  body.text(0x0020000e, "UI", options.series ?? "1.2.3");
  if (options.concatenation !== undefined) {
    body.text(0x00209161, "UI", options.concatenation.uid);
    body.add(0x00209228, "UL", int32(options.concatenation.firstFrame));
  }
  const organization = options.organization === undefined ? "TILED_FULL" : options.organization;
  if (organization !== null) body.text(0x00209311, "CS", organization);
}

function writePixelAttributes(body: Writer, options: DicomOptions): void {
  body.add(0x00280002, "US", uint16(options.samples ?? 3));
  body.text(0x00280004, "CS", options.photometric ?? "YBR_FULL_422");
  body.add(0x00280006, "US", uint16(options.planar ?? 0));
  body.text(0x00280008, "IS", options.claimedFrames ?? String(options.frames.length));
  body.add(0x00280010, "US", uint16(options.tileHeight));
  body.add(0x00280011, "US", uint16(options.tileWidth));
  body.add(0x00280100, "US", uint16(options.bits ?? 8));
  body.add(0x00480006, "UL", int32(options.width));
  body.add(0x00480007, "UL", int32(options.height));
  writeOpticalPaths(body, options);
  if (options.focalPlanes !== undefined) body.add(0x00480303, "UL", int32(options.focalPlanes));
  body.parts.push(...(options.extra ?? []).map((bytes) => Buffer.from(bytes)));
  if (options.spacing !== undefined) writeSpacing(body, options.spacing);
  if (options.positions !== undefined) writePositions(body, options.positions);
}

function writeOpticalPaths(body: Writer, options: DicomOptions): void {
  const paths = Array.from({ length: options.opticalPaths ?? 1 }, (_, index) => {
    const path = body.nested();
    path.text(0x00480106, "SH", String(index + 1));
    if (options.objectivePower !== undefined) path.text(0x00480112, "DS", options.objectivePower);
    return path.bytes();
  });
  body.sequence(0x00480105, paths);
}

function writeSpacing(body: Writer, [rows, columns]: readonly [number, number]): void {
  const measures = body.nested();
  measures.text(0x00280030, "DS", `${rows}\\${columns}`);
  const groups = body.nested();
  groups.sequence(0x00289110, [measures.bytes()]);
  body.sequence(0x52009229, [groups.bytes()]);
}

function writePositions(body: Writer, positions: readonly (readonly [number, number])[]): void {
  const frames = positions.map(([column, row]) => {
    const place = body.nested();
    place.add(0x0048021e, "SL", int32(column));
    place.add(0x0048021f, "SL", int32(row));
    const groups = body.nested();
    groups.sequence(0x0048021a, [place.bytes()]);
    return groups.bytes();
  });
  body.sequence(0x52009230, frames);
}

function writeFragments(body: Writer, options: DicomOptions): void {
  const { frames, offsets = "basic", offsetError = 0, fragments = 1 } = options;
  const encoded = frames.map((frame) => Buffer.concat(cut(frame, fragments).map(item)));
  const starts: number[] = [];
  let position = 0;
  for (const frame of encoded) {
    starts.push(position + offsetError);
    position += frame.length;
  }
  if (offsets === "extended") {
    const table = Buffer.alloc(8 * starts.length);
    for (const [index, start] of starts.entries()) table.writeBigInt64LE(BigInt(start), 8 * index);
    body.add(0x7fe00001, "OV", table);
  }
  const basic = offsets === "basic" ? Buffer.concat(starts.map(int32)) : Buffer.alloc(0);
  body.parts.push(element(0x7fe00010, "OB", Buffer.alloc(0), false, UNDEFINED), item(basic));
  body.parts.push(...encoded, SEQUENCE_END);
}

/** Pieces of even length, as the standard wants them. */
function cut(frame: Uint8Array, pieces: number): Uint8Array[] {
  const even = frame.length % 2 === 0 ? frame : Buffer.concat([frame, Buffer.alloc(1)]);
  const size = Math.ceil(even.length / pieces / 2) * 2;
  return Array.from({ length: pieces }, (_, index) => even.subarray(index * size, (index + 1) * size));
}

/** The tiles of an image row by row, white beyond its border. */
export function cutTiles(image: RgbImage, tileWidth: number, tileHeight: number): RgbImage[] {
  const tiles: RgbImage[] = [];
  for (let top = 0; top < image.height; top += tileHeight) {
    for (let left = 0; left < image.width; left += tileWidth) {
      const data = new Uint8Array(tileWidth * tileHeight * 3).fill(255);
      for (let y = 0; y < Math.min(tileHeight, image.height - top); y++) {
        const start = ((top + y) * image.width + left) * 3;
        const width = Math.min(tileWidth, image.width - left);
        data.set(image.data.subarray(start, start + width * 3), y * tileWidth * 3);
      }
      tiles.push({ width: tileWidth, height: tileHeight, data });
    }
  }
  return tiles;
}
