import type { RunDirectory, StageRecord } from "../run/index.js";

/** Figures worth reading in one line. */
export type StageSummary = StageRecord["summary"];

/**
 * Runs a stage unless it is done and keeps its state in `run.json`; seconds add up over interruptions.
 */
export async function runStage(
  run: RunDirectory,
  stage: string,
  work: () => Promise<StageSummary>,
): Promise<void> {
  if (run.isDone(stage)) return;
  const before = run.record.stages[stage];
  const startedAt = before?.startedAt ?? new Date().toISOString();
  const spent = before?.seconds ?? 0;
  const start = performance.now();
  const seconds = () => spent + (performance.now() - start) / 1000;
  await run.updateStage(stage, { state: "running", startedAt, seconds: spent, summary: {} });
  let summary: StageSummary;
  try {
    summary = await work();
  } catch (failure) {
    // Keeping the time must not hide why the stage ended, for example on a full disk.
    await Promise.allSettled([
      run.updateStage(stage, { state: "running", startedAt, seconds: seconds(), summary: {} }),
    ]);
    throw failure;
  }
  const finishedAt = new Date().toISOString();
  await run.updateStage(stage, { state: "done", startedAt, finishedAt, seconds: seconds(), summary });
}
