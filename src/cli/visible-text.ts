/**
 * Text with control characters written out, so that a file name cannot move the cursor or change colours.
 * Line feeds and tabs stay.
 */
export function visibleText(text: string): string {
  let visible = "";
  for (const character of text) visible += isControl(character) ? escapeOf(character) : character;
  return visible;
}

function isControl(character: string): boolean {
  const code = character.charCodeAt(0);
  if (code === 0x09 || code === 0x0a) return false;
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

function escapeOf(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
