import { camStage } from "./patch-predictor.js";
import { untrainedStage } from "./run-models.js";

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
