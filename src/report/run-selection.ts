import { roundStage, stageTitle } from "../contract/index.js";
import { type MaskScore, type RunContext, readScores } from "../run/index.js";
import type { ScoreDistribution, SelectionRow } from "./report-data.js";

/** The scores of one round of pseudo-labels. */
export interface RoundScores {
  readonly round: number;
  readonly scores: readonly MaskScore[];
}

/** The scores of every round whose masks are predicted. */
export async function readRounds({
  run,
  config,
}: Pick<RunContext, "run" | "config">): Promise<RoundScores[]> {
  const rounds: RoundScores[] = [];
  for (let round = 1; round <= config.rounds; round++) {
    const scores = await readScores(run, round);
    if (scores !== undefined) rounds.push({ round, scores });
  }
  return rounds;
}

/** How many masks each round kept. */
export function selectionRows(rounds: readonly RoundScores[]): SelectionRow[] {
  return rounds.map(({ round, scores }) => ({
    stage: predictedAfter(round),
    kept: scores.filter(({ selected }) => selected).length,
    total: scores.length,
  }));
}

/** One histogram of IDS scores for each round. */
export function scoreDistributions(rounds: readonly RoundScores[], threshold: number): ScoreDistribution[] {
  return rounds.map(({ round, scores }) => ({
    title: `IDS scores, round ${round}`,
    xLabel: "IDS score",
    groups: [
      { name: `masks predicted after: ${predictedAfter(round)}`, values: scores.map((s) => s.idsScore) },
    ],
    threshold: { value: threshold, label: `threshold ${threshold}` },
  }));
}

/** A round's masks come from the decoder of the stage before it. */
function predictedAfter(round: number): string {
  return stageTitle(roundStage(round - 1));
}
