import type { LeftOut } from "../../models/index.js";

/** Every tensor that was not taken is named, up to a dozen a line. */
export function leftOutText(leftOut: readonly LeftOut[]): string[] {
  return leftOut.map(({ names, why }) => {
    const more = names.length > 12 ? `, and ${names.length - 12} more` : "";
    return `  left out: ${names.slice(0, 12).join(", ")}${more} (${why})`;
  });
}
