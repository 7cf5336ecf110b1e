/** Name of the table row that judges the initial masks themselves. */
export const camStage = "initial-masks";

/** Name of the table row for SAM as it was before any training. */
export const untrainedStage = "untrained";

const titles: Readonly<Record<string, string>> = {
  classifier: "Patch classifier",
  [camStage]: "Initial masks (CAM)",
  [untrainedStage]: "SAM untrained, CAM prompts",
  preliminary: "Preliminary fine-tuning",
  evaluation: "Evaluation",
};

/** What tables and charts call a stage. */
export function stageTitle(stage: string): string {
  return titles[stage] ?? stage.replace(/^round-/, "Round ");
}
