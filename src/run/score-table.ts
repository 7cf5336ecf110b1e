import { readFile } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { exists, nameInCell, safeCells, writeFileAtomically } from "../common/index.js";
import { roundStage } from "../contract/index.js";
import type { RunDirectory } from "./run-directory.js";
import { runFileError } from "./run-file-error.js";

/** One line of a round's `scores.csv`. */
export interface MaskScore {
  readonly patch: string;
  /** |CAM mask ∩ SAM mask| / (|SAM mask| + 1). */
  readonly idsScore: number;
  /** Whether the mask became a pseudo-label. */
  readonly selected: boolean;
}

function scoreFile(run: RunDirectory, round: number): string {
  return run.path("masks", roundStage(round), "scores.csv");
}

/** Writes a round's `scores.csv`. */
export async function writeScores(
  run: RunDirectory,
  round: number,
  scores: readonly MaskScore[],
): Promise<void> {
  const rows = scores.map(({ patch, idsScore, selected }) => ({
    patch,
    ids_score: idsScore.toFixed(6),
    selected: selected ? 1 : 0,
  }));
  const columns = ["patch", "ids_score", "selected"];
  await writeFileAtomically(scoreFile(run, round), stringify(rows, { ...safeCells, columns }));
}

const rowsSchema = z.array(
  z.object({ patch: z.string(), ids_score: z.coerce.number(), selected: z.enum(["0", "1"]) }),
);

/**
 * Reads a round's scores back; `undefined` before its masks are predicted.
 * @throws EpSamError `run-directory` when the file cannot be understood.
 */
export async function readScores(run: RunDirectory, round: number): Promise<MaskScore[] | undefined> {
  const file = scoreFile(run, round);
  if (!(await exists(file))) return undefined;
  try {
    const rows = rowsSchema.parse(parse(await readFile(file, "utf8"), { columns: true }));
    return rows.map(({ patch, ids_score, selected }) => ({
      patch: nameInCell(patch),
      idsScore: ids_score,
      selected: selected === "1",
    }));
  } catch (cause) {
    const action = "Delete it, and train again with `resume: true`.";
    throw runFileError(file, "is not a table of scores", action, cause);
  }
}
