import type { TiffContents } from "../contents.js";
import { TiffTag } from "../tags.js";

/** Formats in TIFF's clothes whose pictures are laid out by rules of their own; OpenSlide reads them. */
export async function foreignFormat({ first, description, software }: TiffContents): Promise<string | null> {
  if (first.directory.has(TiffTag.NdpiFormatFlag)) return "Hamamatsu NDPI";
  if (/<scn[\s>]/.test(description.slice(0, 4096))) return "Leica SCN";
  if (software.startsWith("MedScan")) return "Trestle TIFF";
  const xmp = (await first.directory.text(TiffTag.XMP)) ?? "";
  return xmp.includes("<iScan") ? "Ventana BIF" : null;
}
