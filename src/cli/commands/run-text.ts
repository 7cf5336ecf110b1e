import type { Project, ProjectPlan, ProjectResult } from "../../project/index.js";
import { evaluationText } from "../evaluation-text.js";
import { clock } from "../progress-line.js";
import { quoted } from "../quoted.js";
import { describeSlides } from "./infer-text.js";

/** What will be done, one line for each step. */
export function describePlan({ root, prepare, train, segment }: ProjectPlan): string {
  const counted = train.rounds === 1 ? "1 round" : `${train.rounds} rounds`;
  const rounds = train.rounds === 0 ? "" : `, ${counted} of re-training`;
  const trained =
    train.left.length === 0
      ? " (done already)"
      : train.done.length === 0
        ? ""
        : ` (${train.done.join(", ")}: done already)`;
  return [
    `Project in ${root}`,
    `  1 prepare   ${preparationText(prepare)}${prepare.done ? " (done already)" : ""}`,
    `  2 train     preset ${train.preset}: classifier of ${train.classifierEpochs} epochs, decoder of ${train.decoderEpochs}${rounds}${trained}`,
    "  3 evaluate  every stage on the test split",
    `  4 segment   ${segmentText(segment, prepare)}`,
  ].join("\n");
}

function preparationText({
  kind,
  inputs,
  labelled,
  patchSize,
  resolution,
  windows,
  split,
}: ProjectPlan["prepare"]): string {
  const of =
    kind === "images"
      ? `${inputs} images or patches`
      : `${labelled} of ${inputs} slides, those with annotations`;
  const at =
    resolution === null
      ? ""
      : "mpp" in resolution
        ? ` at ${resolution.mpp} µm per pixel`
        : ` of level ${resolution.level}`;
  const labels = windows === null ? "" : `, labels of ${windows.size} px windows every ${windows.stride}`;
  const splits = split === null ? "splits as told" : `split ${split.join(",")}`;
  return `${of}: patches of ${patchSize} px${at}${labels}; ${splits}`;
}

function segmentText(
  { which, unlabelled }: ProjectPlan["segment"],
  { kind }: ProjectPlan["prepare"],
): string {
  const things = kind === "slides" ? "slides" : "images";
  if (which === "none") return "nothing";
  if (which === "all") return `all ${things}`;
  const others =
    which === "test" || unlabelled === 0 ? "" : `, and ${unlabelled} that nothing is learned from`;
  return `the ${things} of the test split${others}`;
}

/** What came out, and where to look. */
export function describeProject(
  result: ProjectResult,
  { kind, inputs, annotations }: Project,
  seconds: number,
): string {
  const { root, results, report, log, evaluation, slides, images, skipped } = result;
  const lines = [`Project in ${root}, ${clock(seconds)}`, ""];
  if (evaluation === null) lines.push("No patches in the test split: nothing to evaluate on.");
  else lines.push(...evaluationText(evaluation));
  lines.push("");
  if (slides.length > 0 && results !== null)
    lines.push(describeSlides({ root: results, slides, resumed: 0, skipped: [], warnings: [] }), "");
  if (images.length > 0 && results !== null)
    lines.push(`Results of ${images.length} images in ${results}`, "");
  for (const { step, file, reason } of skipped) lines.push(`Left out by ${step}: ${file}: ${reason}`);
  lines.push(`Report   ${report}`, `Log      ${log}`);
  const [first] = slides;
  if (first !== undefined && results !== null) {
    lines.push(`QuPath   drag ${quoted(`${results}/${first.name}/tumour.geojson`)} onto the slide`);
  }
  if (kind === "slides" && results !== null) {
    const drawn = annotations.map((folder) => ` ${quoted(folder)}`).join("");
    lines.push(
      `Look     epsam view ${inputs.map(quoted).join(" ")} --results ${quoted(results)} --annotations${drawn}`,
    );
  }
  return lines.join("\n");
}
