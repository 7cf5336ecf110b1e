import { type PreparationResult, type SlidePreparationResult, SPLITS } from "../../dataset/index.js";

/** What `epsam prepare` says when it is done. */
export function describePreparation(result: PreparationResult | SlidePreparationResult): string {
  const { root, patchSize, counts, discarded, skipped } = result;
  const lines = [`Dataset of ${patchSize} x ${patchSize} patches in ${root}`];
  for (const split of SPLITS) {
    const { positive, negative } = counts[split];
    lines.push(
      `  ${split.padEnd(5)} ${String(positive).padStart(6)} positive ${String(negative).padStart(6)} negative`,
    );
  }
  const { belowPositiveRange, abovePositiveRange, overLimit } = discarded;
  const missingPixels = "missingPixels" in discarded ? discarded.missingPixels : 0;
  const withoutTissue = "withoutTissue" in discarded ? discarded.withoutTissue : 0;
  const notKnown = "notKnown" in discarded ? discarded.notKnown : 0;
  if (belowPositiveRange + abovePositiveRange + overLimit + withoutTissue + missingPixels + notKnown > 0) {
    const parts = [
      `${belowPositiveRange} with too little tumour for a positive`,
      `${abovePositiveRange} with too much`,
      `${overLimit} over a limit`,
    ];
    if (missingPixels > 0) parts.unshift(`${missingPixels} with pixels that the file lacks`);
    if (notKnown > 0) parts.unshift(`${notKnown} not known completely`);
    if ("withoutTissue" in discarded) parts.unshift(`${withoutTissue} with too little tissue`);
    lines.push(`  discarded: ${parts.join(", ")}`);
  }
  if (skipped.length > 0)
    lines.push(`${skipped.length} inputs were skipped; they are listed in dataset.json.`);
  lines.push(`Next: epsam train --data ${/^[\w./-]+$/.test(root) ? root : `"${root}"`} --out RUN`);
  return lines.join("\n");
}
