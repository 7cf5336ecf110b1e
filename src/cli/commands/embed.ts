import { Command } from "@commander-js/extra-typings";
import { embedOnQueue } from "../../cohort/index.js";
import { type EmbedResult, embed, planEmbedding } from "../../training/index.js";
import { deviceFor } from "../device-choice.js";
import {
  anyResolutionOption,
  deviceOption,
  jsonOption,
  queueAddress,
  queueOption,
  seedOption,
} from "../options.js";
import { type CommandOutcome, outcomeWithSkipped, runCommand } from "../run-command.js";
import {
  backboneOption,
  classifierDataOption,
  configOption,
  dataOption,
  effectiveConfig,
  presetOption,
  required,
} from "./training-config.js";

const HELP = `
Examples:
  $ epsam embed --data dataset --preset paper-small
  $ epsam embed --data dataset --preset paper-small --queue redis://host     by the workers of a queue, see epsam worker
  $ epsam train --data dataset --preset paper-small --out run                finds them all

Computes what frozen networks see in the patches, which training does otherwise as it needs it: SAM's embeddings, and
the features that a dense classifier judges. Give data, preset, config, backbone and seed as for \`epsam train\`. They
lie in the cache of embeddings (key cache.directory, or EPSAM_CACHE_DIR), which workers of a queue share under the same
path. Given again, it goes on. Patches that cannot be read are left out and named; the exit code is then 3.`;

/** `epsam embed`: fills the cache of embeddings that training reads. */
export function embedCommand() {
  return new Command("embed")
    .addOption(dataOption())
    .addOption(classifierDataOption())
    .addOption(presetOption())
    .addOption(configOption())
    .addOption(backboneOption())
    .addOption(seedOption())
    .addOption(queueOption("patches"))
    .addOption(deviceOption())
    .addOption(anyResolutionOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) =>
      runCommand({ ...options, resumeHint: "Give the same command again to go on." }, async (context) => {
        const { reporter, signal } = context;
        const { config } = await effectiveConfig(options);
        const { classifierData, anyResolution, queue } = options;
        const data = required(options.data, "--data", "embed");
        const plan = await planEmbedding({
          ...{ data, classifierData, config, anyResolution, reporter, signal },
        });
        const result =
          queue === undefined
            ? await embed(plan, { device: deviceFor(options.device, reporter), reporter, signal })
            : await embedOnQueue(plan, { reporter, signal }, queueAddress(queue));
        return describe(result);
      }),
    );
}

function describe(result: EmbedResult): CommandOutcome {
  const { cache, embeddings, computed, skipped } = result;
  const lines =
    embeddings === 0
      ? ["A training with these values reads no embeddings: nothing to compute."]
      : [`${embeddings} embeddings wanted, ${computed} were missing; they lie in ${cache}`];
  for (const { file, reason } of skipped) lines.push(`  skipped  ${file}: ${reason}`);
  return outcomeWithSkipped(result, lines.join("\n"));
}
