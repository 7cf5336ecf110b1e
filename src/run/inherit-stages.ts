import { link, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { exists, writeFileAtomically } from "../common/index.js";
import type { Stage } from "../contract/index.js";
import { filesOfStage } from "./kept-files.js";
import type { RunDirectory } from "./run-directory.js";

/** Takes over what the earlier stages have made, stage by stage, so that an interruption costs nothing. */
export async function inheritStages(
  origin: RunDirectory,
  run: RunDirectory,
  stages: readonly Stage[],
): Promise<void> {
  const metrics = await origin.metrics();
  for (const stage of stages) {
    // Also what was deleted since, because it had changed.
    for (const path of await filesOfStage(origin, stage)) await takeOver(origin, run, path);
    if (run.isDone(stage)) continue;
    await run.dropMetrics(stage, 0);
    for (const line of metrics.filter((metric) => metric.stage === stage)) await run.appendMetrics(line);
    const record = origin.record.stages[stage];
    if (record !== undefined) await run.updateStage(stage, record);
  }
}

/** The same file under two names where the disk can: runs never change a file but replace it. */
async function takeOver(origin: RunDirectory, run: RunDirectory, path: string): Promise<void> {
  const target = run.path(path);
  if (await exists(target)) return;
  await mkdir(dirname(target), { recursive: true });
  try {
    await link(origin.path(path), target);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "EXDEV" && code !== "EPERM" && code !== "ENOTSUP" && code !== "EMLINK") throw cause;
    await writeFileAtomically(target, await readFile(origin.path(path)));
  }
}
