import { slideError } from "../slide-error.js";
import type { ByteWindow } from "./byte-window.js";
import { DataSet, type DicomElement } from "./data-set.js";
import { DicomTag, SEQUENCES, tagName } from "./tags.js";

/** Types whose length field has 32 bits after two reserved bytes (PS3.5, section 7.1.2). */
const LONG_TYPES = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
/** DicomTag, type, two reserved bytes and length. */
const MAX_HEAD_BYTES = 12;
const UNDEFINED_LENGTH = 0xffff_ffff;
const MAX_DEPTH = 16;
/** Attributes visited in one header: twelve for each of a million and a half frames. */
const MAX_VISITED = 20_000_000;
/** Attributes kept of one header; items of frames are handed on, not kept. */
const MAX_KEPT = 50_000;
/** Larger values (colour profiles, icons) are left in the file. */
const MAX_VALUE_BYTES = 2 ** 16;
const PREAMBLE_BYTES = 128;
const SUPPORTED_TEXT_PREFIX = "DICM";

export interface DicomHeader {
  readonly transferSyntax: string;
  /** Everything before the pixels; `pixelData` is an element of it without its value. */
  readonly dataSet: DataSet;
}

interface ElementHead {
  readonly tag: number;
  readonly vr: string;
  readonly length: number | null;
  readonly offset: number;
}

/** True when the bytes begin as a DICOM file does (PS3.10, section 7.1). */
export function isDicom(head: Uint8Array): boolean {
  const magic = head.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + 4);
  return new TextDecoder("latin1").decode(magic) === SUPPORTED_TEXT_PREFIX;
}

/**
 * Reads a DICOM file's attributes up to the pixels; large values and the pixels stay in the file.
 * @param onFrameItem gets the items of Per-Frame Functional Groups one after another; they are not kept.
 * @throws EpSamError `slide` when the file is no DICOM file, damaged, or of an encoding that is not read
 */
export async function readDicomHeader(
  window: ByteWindow,
  onFrameItem: (item: DataSet) => void,
): Promise<DicomHeader> {
  const { file } = window;
  const head = await file.read(0, Math.min(file.size, PREAMBLE_BYTES + 4), "the preamble");
  if (!isDicom(head)) throw slideError(file.path, "is no DICOM file", "the letters DICM are missing");
  const meta = new DicomParser(window, false, onFrameItem, PREAMBLE_BYTES + 4);
  const metaSet = await meta.metaInformation();
  const transferSyntax = metaSet.text(DicomTag.transferSyntax);
  if (transferSyntax === undefined)
    throw slideError(file.path, "does not name its transfer syntax", undefined);
  if (transferSyntax === "1.2.840.10008.1.2.1.99" || transferSyntax === "1.2.840.10008.1.2.2") {
    throw slideError(
      file.path,
      "has an encoding that is not read",
      `transfer syntax ${transferSyntax}, deflated or big-endian`,
      "Convert it to Explicit VR Little Endian, for example with dcmconv.",
    );
  }
  const body = new DicomParser(window, transferSyntax === "1.2.840.10008.1.2", onFrameItem, meta.position);
  return { transferSyntax, dataSet: await body.dataSet(file.size, 0) };
}

class DicomParser {
  position: number;
  readonly #window: ByteWindow;
  #implicit: boolean;
  readonly #onFrameItem: (item: DataSet) => void;
  #visited = 0;
  #kept = 0;

  constructor(window: ByteWindow, implicit: boolean, onFrameItem: (item: DataSet) => void, position: number) {
    this.#window = window;
    this.#implicit = implicit;
    this.#onFrameItem = onFrameItem;
    this.position = position;
  }

  /** The elements of group 0002, which are written with types whatever follows. */
  async metaInformation(): Promise<DataSet> {
    const meta = new DataSet();
    const { size } = this.#window.file;
    while (this.position + 8 <= size) {
      await this.#window.load(this.position, 8);
      if (this.#window.uint16(this.position) !== 2) break;
      const head = this.#headAtHand(size) ?? (await this.#nextHead(size));
      this.#keep(meta, head, this.#valueAtHand(head) ?? (await this.#value(head, size, 0)));
    }
    return meta;
  }

  /** Elements up to `end`, to the item's delimiter, or to the pixels. */
  async dataSet(end: number, depth: number): Promise<DataSet> {
    if (depth > MAX_DEPTH) this.#refuse("nests its sequences too deep", `more than ${MAX_DEPTH} levels`);
    const found = new DataSet();
    while (this.position < end) {
      // Waiting costs more than parsing, so it is left out where the bytes are at hand.
      const head = this.#headAtHand(end) ?? (await this.#nextHead(end));
      if (head.tag === DicomTag.itemEnd) break;
      if (isPixels(head.tag) && depth === 0) {
        this.#keep(found, head, { ...head, bytes: null, items: [] });
        break;
      }
      this.#keep(found, head, this.#valueAtHand(head) ?? (await this.#value(head, end, depth)));
    }
    return found;
  }

  #keep(set: DataSet, head: ElementHead, element: DicomElement): void {
    this.#kept += 1;
    if (this.#kept > MAX_KEPT) this.#refuse("has too many attributes", `more than ${MAX_KEPT}`);
    set.elements.set(head.tag, element);
  }

  async #nextHead(end: number): Promise<ElementHead> {
    await this.#window.load(this.position, Math.min(MAX_HEAD_BYTES, this.#window.file.size - this.position));
    return this.#elementHead(end);
  }

  #headAtHand(end: number): ElementHead | null {
    return this.#window.covers(this.position, MAX_HEAD_BYTES) ? this.#elementHead(end) : null;
  }

  #elementHead(end: number): ElementHead {
    this.#visited += 1;
    if (this.#visited > MAX_VISITED) this.#refuse("has too many attributes", `more than ${MAX_VISITED}`);
    const start = this.position;
    if (start + 8 > end) this.#refuse("has an attribute that is cut short", `at byte ${start}`);
    const tag = this.#window.uint16(start) * 0x1_0000 + this.#window.uint16(start + 2);
    const isDelimiter = tag >= DicomTag.item;
    const head = isDelimiter || this.#implicit ? this.#plainHead(tag) : this.#typedHead(tag);
    this.position = head.offset;
    if (head.length !== null && head.offset + head.length > end) {
      this.#refuse(
        "has an attribute that reaches beyond its end",
        `${tagName(tag)} at byte ${start} claims ${head.length} bytes, ${Math.max(0, end - head.offset)} are left`,
      );
    }
    return head;
  }

  #plainHead(tag: number): ElementHead {
    const length = lengthOf(this.#window.uint32(this.position + 4));
    const vr = SEQUENCES.has(tag) ? "SQ" : "UN";
    return { tag, vr, length, offset: this.position + 8 };
  }

  #typedHead(tag: number): ElementHead {
    const start = this.position;
    const letters = this.#window.uint16(start + 4);
    const vr = String.fromCharCode(letters & 0xff, letters >> 8);
    if (!/^[A-Z]{2}$/.test(vr)) {
      this.#refuse("has an attribute without a type", `${tagName(tag)} at byte ${start}`);
    }
    if (!LONG_TYPES.has(vr)) return { tag, vr, length: this.#window.uint16(start + 6), offset: start + 8 };
    if (!this.#window.covers(start, MAX_HEAD_BYTES))
      this.#refuse("has an attribute that is cut short", `at byte ${start}`);
    return { tag, vr, length: lengthOf(this.#window.uint32(start + 8)), offset: start + 12 };
  }

  /** A value that needs no further reading; null for sequences and values beyond the window. */
  #valueAtHand(head: ElementHead): DicomElement | null {
    if (head.vr === "SQ" || head.length === null) return null;
    if (head.length > MAX_VALUE_BYTES) {
      this.position = head.offset + head.length;
      return { ...head, bytes: null, items: [] };
    }
    if (!this.#window.covers(head.offset, head.length)) return null;
    this.position = head.offset + head.length;
    return { ...head, bytes: this.#window.bytes(head.offset, head.length), items: [] };
  }

  async #value(head: ElementHead, end: number, depth: number): Promise<DicomElement> {
    if (head.vr === "SQ") return { ...head, bytes: null, items: await this.#items(head, end, depth) };
    if (head.length === null) return this.#undefinedLength(head, end, depth);
    await this.#window.load(head.offset, head.length);
    this.position = head.offset + head.length;
    return { ...head, bytes: this.#window.bytes(head.offset, head.length), items: [] };
  }

  /** A value of unknown type and undefined length is a sequence in implicit VR (PS3.5, section 6.2.2). */
  async #undefinedLength(head: ElementHead, end: number, depth: number): Promise<DicomElement> {
    if (head.vr !== "UN") {
      this.#refuse("has an attribute without a length", `${tagName(head.tag)} of type ${head.vr}`);
    }
    const outer = this.#implicit;
    this.#implicit = true;
    const items = await this.#items(head, end, depth);
    this.#implicit = outer;
    return { ...head, bytes: null, items };
  }

  async #items(head: ElementHead, end: number, depth: number): Promise<readonly DataSet[]> {
    const items: DataSet[] = [];
    const sequenceEnd = head.length === null ? end : head.offset + head.length;
    while (this.position < sequenceEnd) {
      const item = this.#headAtHand(sequenceEnd) ?? (await this.#nextHead(sequenceEnd));
      if (item.tag === DicomTag.sequenceEnd) break;
      if (item.tag !== DicomTag.item) {
        this.#refuse(
          "has a sequence with something else than items",
          `${tagName(item.tag)} in ${tagName(head.tag)}`,
        );
      }
      const keptBefore = this.#kept;
      const itemEnd = item.length === null ? sequenceEnd : item.offset + item.length;
      const content = await this.dataSet(itemEnd, depth + 1);
      if (head.tag !== DicomTag.frameGroups) items.push(content);
      else {
        this.#onFrameItem(content);
        this.#kept = keptBefore;
      }
    }
    return items;
  }

  #refuse(what: string, why: string): never {
    throw slideError(this.#window.file.path, what, why);
  }
}

function isPixels(tag: number): boolean {
  return tag === DicomTag.pixelData || tag === DicomTag.floatPixelData || tag === DicomTag.doublePixelData;
}

function lengthOf(field: number): number | null {
  return field === UNDEFINED_LENGTH ? null : field;
}
