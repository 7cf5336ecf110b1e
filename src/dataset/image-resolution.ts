import { basename } from "node:path";
import { closing, isEpSamError } from "../common/index.js";
import { openSlide } from "../slides/index.js";
import { kindByExtension } from "./file-kinds.js";
import { compareMpp, type NamedMpp, type ResolutionRule } from "./patch-resolution.js";

/**
 * Microns per pixel of an ordinary image, as the tags of a TIFF file tell them; null where they do not, and for other
 * formats, whose dots per inch are those of a screen or printer.
 */
export async function imageMpp(path: string): Promise<number | null> {
  if (kindByExtension(path) !== "tiff") return null;
  try {
    return await closing(openSlide(path), async (source) => {
      const { micronsPerPixel: microns } = source;
      return microns === null ? null : Math.sqrt(microns.x * microns.y);
    });
  } catch (failure) {
    // Whoever reads its pixels says what is wrong with it.
    if (isEpSamError(failure, "slide")) return null;
    throw failure;
  }
}

/**
 * Compares what images tell of their resolution with what was given for all, which counts, or with one another.
 * @returns what the user should know
 * @throws EpSamError `usage` as {@link compareMpp}, where none was given
 */
export async function compareImages(
  paths: readonly string[],
  given: number | null,
  anyResolution: boolean | undefined,
): Promise<string[]> {
  const known: NamedMpp[] = [];
  for (const path of paths) {
    const mpp = await imageMpp(path);
    if (mpp !== null) known.push({ of: basename(path), mpp });
  }
  known.sort((a, b) => a.mpp - b.mpp);
  const [finest, coarsest] = [known[0], known.at(-1)];
  if (finest === undefined || coarsest === undefined) return [];
  const rule: ResolutionRule = {
    anyResolution: anyResolution === true || given !== null,
    action:
      "Images are not resampled: bring them to one resolution before, or give the `mpp` that they have.",
  };
  const pairs =
    given === null
      ? ([[finest, coarsest]] as const)
      : ([
          [{ of: "`mpp`", mpp: given }, finest],
          [{ of: "`mpp`", mpp: given }, coarsest],
        ] as const);
  return [...new Set(pairs.flatMap(([one, other]) => compareMpp(one, other, rule) ?? []))];
}
