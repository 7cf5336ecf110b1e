/** Control characters, marks that turn the direction of writing, separators of lines, and blanks of no width. */
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u200b\u2060\ufeff]/gu;

/**
 * Text with characters written out that show nothing themselves and change what is around them: a file name cannot
 * move a terminal's cursor or change its colours, nor read `slide-exe.svs` where it is something else (Unicode
 * Standard Annex 9). Line feeds and tabs stay.
 */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, (character) => (/[\n\t]/.test(character) ? character : escapeOf(character)));
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u${digits.padStart(4, "0")}`;
}
