import { loadLibrary } from "./library.js";
import { installationHint, libraryNames } from "./library-names.js";

/** The system's OpenSlide, or why there is none and how to get it. */
export type OpenSlidePresence =
  | { readonly version: string }
  | { readonly reasons: string; readonly action: string };

/** Looks for the system library OpenSlide, which reads NDPI, MIRAX and further formats. */
export function findOpenSlide(
  platform: NodeJS.Platform = process.platform,
  variables: NodeJS.ProcessEnv = process.env,
): OpenSlidePresence {
  const found = loadLibrary(libraryNames(platform, variables));
  if ("functions" in found) return { version: found.functions.version() };
  return { reasons: found.reasons, action: installationHint(platform) };
}
