import { hashBytes } from "../../common/index.js";

/**
 * An identifier that tells nothing of the path it stands for and stays the same over restarts.
 * @param parts kind and absolute path, and what else makes it distinct
 */
export function opaqueId(...parts: readonly string[]): string {
  return hashBytes(JSON.stringify(parts)).slice(0, 20);
}
