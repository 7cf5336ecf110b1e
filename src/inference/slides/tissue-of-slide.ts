import { EpSamError } from "../../common/index.js";
import { findTissue, type TissueMask } from "../../dataset/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { InferSlidesOptions, SegmentationSettings } from "./options.js";

/**
 * Where a slide has tissue; null when all of it counts.
 * @throws EpSamError `slide` when none is found: a slide that nobody looks at is not free of tumour
 */
export async function tissueOfSlide(
  path: string,
  source: PixelSource,
  { tissue: rule }: SegmentationSettings,
  { reporter, signal, task }: Pick<InferSlidesOptions, "reporter" | "signal"> & { readonly task: string },
): Promise<TissueMask | null> {
  if (rule === "all") return null;
  const tissue = await findTissue(source, rule, {
    signal,
    onProgress: (done, total) => reporter.progress({ task: `${task}: tissue`, done, total }),
  });
  if (tissue.share > 0) return tissue;
  throw new EpSamError("slide", {
    where: path,
    what: tissue.warnings.join("; "),
    action: "Look at it with `epsam slide thumbnail`.",
  });
}
