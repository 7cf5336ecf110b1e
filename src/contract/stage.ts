/** Trains a decoder: on the initial masks, or in a round on pseudo-labels. */
export type DecoderStage = "preliminary" | `round-${number}`;

/** A stage of a run, as `run.json` names it. */
export type Stage = "classifier" | "initial-masks" | DecoderStage | "evaluation";

/** Trains the patch classifier. */
export const classifierStage = "classifier";

/** Makes the initial masks; in tables, the row that judges these masks themselves. */
export const camStage = "initial-masks";

/** Evaluates the test split. */
export const evaluationStage = "evaluation";

/** Name of the table row for SAM as it was before any training. */
export const untrainedStage = "untrained";

/** The folder of a run's `masks` with the initial masks; the other folders there are named by their stage. */
export const initialMaskFolder = "initial";

/** The stage of a round; round 0 is the preliminary fine-tuning. */
export function roundStage(round: number): DecoderStage {
  return round === 0 ? "preliminary" : `round-${round}`;
}

/** The folder of a run that holds, by stage, how much each pixel of a pseudo-label counts. */
export const confidenceFolder = "confidence";

/** The round of a decoder's stage, 0 for the preliminary fine-tuning. */
export function roundOf(stage: DecoderStage): number {
  return stage === "preliminary" ? 0 : Number(stage.slice("round-".length));
}

export function isDecoderStage(name: string): name is DecoderStage {
  return name === "preliminary" || /^round-[1-9]\d*$/.test(name);
}

/** The decoders' stages in order. */
export function decoderStages(rounds: number): DecoderStage[] {
  return Array.from({ length: rounds + 1 }, (_, round) => roundStage(round));
}

/** The stages in order; each round predicts pseudo-labels and then trains on them. */
export function stageNames(rounds: number): Stage[] {
  return [classifierStage, camStage, ...decoderStages(rounds), evaluationStage];
}

/**
 * The rows of a run's tables, in order.
 * @param hasUntrained false for a run that has nothing to ask SAM as it is: pyramids, or decoders without prompts
 */
export function tableStages(rounds: number, hasUntrained = true): string[] {
  return [camStage, ...(hasUntrained ? [untrainedStage] : []), ...decoderStages(rounds)];
}

/** Where masks of a stage come among those of others: initial masks, SAM untrained, decoders by round. */
export function stageOrder(name: string): number {
  const before = [initialMaskFolder, camStage, untrainedStage];
  const known = before.indexOf(name);
  return known >= 0 ? known : before.length + (isDecoderStage(name) ? roundOf(name) : 0);
}

const titles: Readonly<Record<string, string>> = {
  [classifierStage]: "Patch classifier",
  [initialMaskFolder]: "Initial masks (CAM)",
  [camStage]: "Initial masks (CAM)",
  [untrainedStage]: "SAM untrained, CAM prompts",
  [roundStage(0)]: "Preliminary fine-tuning",
  [evaluationStage]: "Evaluation",
};

/** What tables and charts call a stage. */
export function stageTitle(stage: string): string {
  return titles[stage] ?? (isDecoderStage(stage) ? `Round ${roundOf(stage)}` : stage);
}
