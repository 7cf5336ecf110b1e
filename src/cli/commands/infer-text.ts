import type { CollectedInference, MissingSlide, QueuedInference } from "../../cohort/index.js";
import type { InferSlidesResult } from "../../inference/index.js";
import { clock } from "../progress-line.js";
import { type CommandOutcome, outcomeWithSkipped } from "../run-command.js";
import { withFlags } from "../setting-flags.js";

/** The outcome of `epsam infer --collect`: what is missing counts as left out. */
export function describeCollected(result: CollectedInference): CommandOutcome {
  const { missing } = result;
  const text = [describeSlides(result), ...describeMissing(missing)].join("\n");
  const outcome = outcomeWithSkipped(result, text);
  return missing.length === 0 ? outcome : { ...outcome, status: "someSkipped" };
}

/** The outcome of `epsam infer --queue`: slides that workers could not do are left out, with the reason. */
export function describeQueued({ setAside, missing, ...result }: QueuedInference): CommandOutcome {
  const reasons = new Map(setAside.map(({ slide, reason }) => [slide, reason]));
  const unknown = "has no result; give the same command again";
  const leftOut = missing.map((slide) => ({ file: slide, reason: reasons.get(slide) ?? unknown }));
  const all = { ...result, skipped: [...result.skipped, ...leftOut] };
  return outcomeWithSkipped(all, describeSlides(all));
}

/** What shards have not done, for people. */
export function describeMissing(missing: readonly MissingSlide[]): string[] {
  if (missing.length === 0) return [];
  const slides = missing.length === 1 ? "1 slide is" : `${missing.length} slides are`;
  const shards = [...new Set(missing.flatMap(({ shard }) => shard ?? []))].sort((a, b) => a - b);
  const again =
    shards.length === 0
      ? "No shard has begun that knows them: give all shards."
      : `Give again: shard${shards.length === 1 ? "" : "s"} ${shards.join(", ")}.`;
  return [
    `${slides} missing:`,
    ...missing.map(({ slide, shard, reason }) => {
      const place = shard === null ? "" : ` (shard ${shard})`;
      return `  missing  ${slide}${place}${reason === null ? "" : `: ${withFlags(reason)}`}`;
    }),
    again,
  ];
}

type Slide = InferSlidesResult["slides"][number];

/** What `epsam infer` prints of slides. */
export function describeSlides({ root, slides, resumed, skipped }: InferSlidesResult): string {
  const lines = [`Results of ${slides.length} slides in ${root} (research use only)`];
  if (resumed > 0) lines.push(`  ${resumed} of them were there already`);
  for (const slide of slides) lines.push(...describeSlide(slide));
  for (const { file, reason } of skipped) lines.push(`  skipped  ${file}: ${reason}`);
  return lines.join("\n");
}

function describeSlide({ name, summary, result, seconds }: Slide): string[] {
  const { tumour, tumourToTissue, foci, largestFocus } = summary;
  const area =
    tumour.squareMillimetres === null
      ? `${tumour.level0Pixels} px`
      : `${tumour.squareMillimetres.toFixed(3)} mm²`;
  const share = tumourToTissue === null ? "" : ` (${(100 * tumourToTissue).toFixed(1)} % of the tissue)`;
  const diameter = largestFocus?.diameterMillimetres;
  const largest = diameter == null ? "" : `, the largest ${diameter.toFixed(2)} mm`;
  const { tissue, segmented } = result.patches;
  const time = seconds === null ? "" : ` in ${clock(seconds)}`;
  const lines = [
    `  ${name}: ${area} tumour${share}, foci: ${foci.count}${largest}`,
    ...leftOutText(summary),
    `    ${tissue} patches with tissue, ${segmented} past the gate${time}`,
  ];
  const { agreement } = result;
  if (agreement === null) return lines;
  const { outlines, mask, gate } = agreement;
  const recall =
    gate.recall === null ? "" : `; the gate passed ${gate.passed} of ${gate.tumourPatches} tumour patches`;
  lines.push(
    `    against the annotation: Dice ${outlines.dice.toFixed(3)} (mask ${mask.dice.toFixed(3)})${recall}`,
  );
  return lines;
}

function leftOutText({ micronsPerPixel, foci: { leftOut } }: Slide["summary"]): string[] {
  if (leftOut === undefined || leftOut.count === 0) return [];
  const unit = micronsPerPixel === null ? "px" : "µm²";
  return [
    `    smaller than ${leftOut.minimumArea} ${unit} and left out: ${leftOut.count}, which are in the mask`,
  ];
}
