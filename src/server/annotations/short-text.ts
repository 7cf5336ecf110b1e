import { editLimits } from "../../contract/index.js";

/** A name of a file as the page takes it: without control characters, and not too long. */
export function shortText(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, editLimits.text);
}
