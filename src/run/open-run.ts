import { hashBytes, packageVersion } from "../common/index.js";
import { onnxRuntime } from "../graph/index.js";
import { hashedClassifier, hashedDecoder, parseConfig } from "./config.js";
import type { TrainingConfig } from "./config-schema.js";
import { noteWithoutHashes } from "./kept-files.js";
import type { RunContext } from "./run-context.js";
import { RunDirectory } from "./run-directory.js";

/** Opens a finished or unfinished run to work with it. */
export async function openRun(
  root: string,
  { device, reporter, signal }: Pick<RunContext, "device" | "reporter" | "signal">,
): Promise<RunContext> {
  const run = await RunDirectory.open(root);
  noteWithoutHashes(run, reporter);
  return { run, config: parseConfig(run.record.config, run.path("run.json")), device, reporter, signal };
}

/**
 * Hash of a configuration, for telling whether two runs are the same experiment. Runs of versions that did not know a key
 * have the hash of its default.
 */
export function hashConfig(config: TrainingConfig): string {
  const { classifier, decoder } = config;
  const hashed = {
    ...config,
    classifier: hashedClassifier(classifier),
    decoder: hashedDecoder(decoder),
  };
  return hashBytes(JSON.stringify(hashed));
}

/** Versions of everything that computes, for `run.json`. */
export async function versions(): Promise<Record<string, string>> {
  const { env } = onnxRuntime();
  return {
    "ep-sam": await packageVersion(),
    node: process.versions.node,
    "onnxruntime-node": env.versions.node ?? env.versions.common,
    platform: `${process.platform} ${process.arch}`,
  };
}
