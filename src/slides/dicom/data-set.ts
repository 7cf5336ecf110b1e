import { DicomTag } from "./tags.js";

/** Where an attribute's value lies, and the value itself where it is small. */
export interface DicomElement {
  /** Type in two letters; "UN" when the file does not write it. */
  readonly vr: string;
  /** Byte offset of the value in the file. */
  readonly offset: number;
  /** Length of the value in bytes; null when it ends at a delimiter. */
  readonly length: number | null;
  /** The value; null for sequences and for values too large to be kept. */
  readonly bytes: Uint8Array | null;
  readonly items: readonly DataSet[];
}

/** The attributes of a file or of one item of a sequence. */
export class DataSet {
  readonly elements = new Map<number, DicomElement>();

  /** The text without padding; undefined when absent or empty. */
  text(tag: number): string | undefined {
    const bytes = this.elements.get(tag)?.bytes;
    if (bytes === null || bytes === undefined) return undefined;
    const text = decoderFor(this.elements.get(DicomTag.characterSet)?.bytes).decode(bytes);
    const trimmed = text.replace(/[\0 ]+$/, "").trimStart();
    return trimmed === "" ? undefined : trimmed;
  }

  /** Values of a text that are separated by backslashes. */
  texts(tag: number): readonly string[] {
    return (
      this.text(tag)
        ?.split("\\")
        .map((value) => value.trim()) ?? []
    );
  }

  /** Numbers written as text (DS, IS); those that are none are NaN. */
  decimals(tag: number): readonly number[] {
    return this.texts(tag).map((value) => (value === "" ? Number.NaN : Number(value)));
  }

  /** A binary whole number without sign (US, UL). */
  unsigned(tag: number): number | undefined {
    const view = this.#view(tag);
    if (view?.byteLength === 2) return view.getUint16(0, true);
    return view?.byteLength === 4 ? view.getUint32(0, true) : undefined;
  }

  /** A binary whole number with sign (SL). */
  signed(tag: number): number | undefined {
    const view = this.#view(tag);
    return view?.byteLength === 4 ? view.getInt32(0, true) : undefined;
  }

  /** A binary 32-bit floating-point number (FL). */
  float(tag: number): number | undefined {
    const view = this.#view(tag);
    return view?.byteLength === 4 ? view.getFloat32(0, true) : undefined;
  }

  items(tag: number): readonly DataSet[] {
    return this.elements.get(tag)?.items ?? [];
  }

  #view(tag: number): DataView | undefined {
    const bytes = this.elements.get(tag)?.bytes;
    if (bytes === null || bytes === undefined) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

function decoderFor(characterSet: Uint8Array | null | undefined): TextDecoder {
  const isUnicode = characterSet?.length === 10 && new TextDecoder().decode(characterSet) === "ISO_IR 192";
  return new TextDecoder(isUnicode ? "utf-8" : "latin1");
}
