import type { CollectedPreparation, PreparedShard } from "../../cohort/index.js";
import { isRemotePath } from "../../common/index.js";
import { type PreparationResult, type SlidePreparationResult, SPLITS } from "../../dataset/index.js";
import { type CommandOutcome, outcomeWithSkipped } from "../run-command.js";
import { describeMissing } from "./infer-text.js";

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
  lines.push(`Next: ${nextStep(root)}`);
  return lines.join("\n");
}

function nextStep(root: string): string {
  const shown = /^[\w./:-]+$/.test(root) ? root : `"${root}"`;
  if (!isRemotePath(root)) return `epsam train --data ${shown} --out RUN`;
  return `copy it to where you train, such as by aws s3 sync ${shown} dataset; then epsam train --data dataset --out RUN`;
}

/** The outcome of `epsam prepare --shard`. */
export function describeShard(result: PreparedShard): CommandOutcome {
  const { shard, examined, patches, missing } = result;
  const lines = [`Shard ${shard.index} of ${shard.count}: ${examined.length} slides examined`];
  if (patches !== null) lines.push(`  ${patches} patches written; when every shard is done: --collect`);
  else {
    const others = missing.length === 1 ? "1 slide" : `${missing.length} slides`;
    lines.push(
      `  ${others} of other shards are not examined yet, so it is not known which patches are drawn.`,
      "  When every shard is done: --collect writes them, or all shards once more share that work before it.",
    );
  }
  return outcomeWithSkipped(result, lines.join("\n"));
}

/** The outcome of `epsam prepare --collect` where slides are missing: nothing was made. */
export function describeIncomplete(
  result: Exclude<CollectedPreparation, { readonly dataset: unknown }>,
): CommandOutcome {
  const lines = [
    "No dataset was made: one of a part of the slides would be another.",
    ...describeMissing(result.missing),
  ];
  return { json: result, text: lines.join("\n"), status: "someSkipped" };
}
