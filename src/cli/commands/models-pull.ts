import { Command } from "@commander-js/extra-typings";
import { catalogue, catalogueEntry, type PulledModel, pullModel } from "../../models/index.js";
import { jsonOption } from "../options.js";
import { type ActionContext, type CommandOutcome, runCommand } from "../run-command.js";

const HELP = `
Names: ${catalogue.map(({ name }) => name).join(", ")} (\`epsam models list\` says more).

Examples:
  $ epsam models pull sam-vit-b
  $ epsam models pull resnet-50 --json

An interrupted download goes on with the same command. EPSAM_CACHE_DIR moves the directory. Without a network, fetch
the file elsewhere: the message says from where, and under which name to put it; pull then checks it.`;

export function modelsPullCommand() {
  return new Command("pull")
    .description("download published weights into the cache and check them")
    .argument("<name>", "name in the catalogue")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((name, options) =>
      runCommand({ ...options, resumeHint: "The same command goes on." }, (context) => pull(name, context)),
    );
}

async function pull(name: string, { reporter, signal }: ActionContext): Promise<CommandOutcome> {
  const entry = catalogueEntry(name);
  const pulled = await pullModel(entry, { reporter, signal });
  return {
    json: { ...pulled, name: entry.name, licence: entry.licence },
    text: describe(pulled, entry.licence),
  };
}

function describe({ path, sha256, wasThere, isFirstHash }: PulledModel, licence: string): string {
  const check = isFirstHash
    ? "nothing is published to compare it with; recorded for the next time"
    : "as published";
  return [
    `${wasThere ? "Already there" : "Downloaded"}: ${path}`,
    `  SHA-256 ${sha256} (${check})`,
    `  licence ${licence}`,
  ].join("\n");
}
