import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { EpSamError, packageVersion } from "../common/index.js";
import { demoCommand } from "./commands/demo.js";
import { doctorCommand } from "./commands/doctor.js";
import { evaluateCommand } from "./commands/evaluate.js";
import { inferCommand } from "./commands/infer.js";
import { modelsCommand } from "./commands/models.js";
import { prepareCommand } from "./commands/prepare.js";
import { slideCommand } from "./commands/slide.js";
import { trainCommand } from "./commands/train.js";
import { viewCommand } from "./commands/view.js";
import { reportError } from "./error-report.js";
import { ExitCode } from "./exit-codes.js";
import type { Terminal } from "./terminal.js";

const HELP = `
Examples:
  epsam demo
  epsam doctor
  epsam prepare images --masks masks --patch-size 256 --out dataset
  epsam help prepare

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some inputs were skipped.
Environment: EPSAM_CACHE_DIR moves the cache, EPSAM_THREADS limits the threads of the CPU, EPSAM_DEBUG=1 shows where
errors come from, NO_COLOR=1 switches colours off. Research use only; see NOTICE for the patent application.
`;

/** Every command, in the order of the help. */
function commands(): readonly CommandUnknownOpts[] {
  return [
    demoCommand(),
    prepareCommand(),
    trainCommand(),
    evaluateCommand(),
    inferCommand(),
    viewCommand(),
    slideCommand(),
    modelsCommand(),
    doctorCommand(),
  ];
}

/** The whole command line; parsing throws CommanderError instead of ending the process. */
export async function createProgram(terminal: Terminal): Promise<CommandUnknownOpts> {
  const program: CommandUnknownOpts = new Command("epsam")
    .description(
      "Pixel-accurate segmentation of cancer in histology images, learned from patch labels alone.",
    )
    .version(await packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addHelpText("after", HELP)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // Reported by runProgram in the form of every other error.
      outputError: () => undefined,
    });
  for (const command of commands()) {
    inheritSettings(command, program);
    program.addCommand(command);
  }
  return program;
}

/** Commands made apart from the program do not have its settings yet. */
function inheritSettings(command: CommandUnknownOpts, parent: CommandUnknownOpts): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}

/**
 * Parses the arguments (without `node` and the script) and runs the command they name.
 * @returns the exit code
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const json = args.includes("--json");
  try {
    const program = await createProgram(terminal);
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? ExitCode.done);
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return reportError(thrown, terminal, json);
    if (thrown.exitCode === 0) return ExitCode.done;
    // Commander has printed the help that stands for a missing command.
    if (thrown.code === "commander.help") return ExitCode.wrongUsage;
    return reportError(usageError(thrown), terminal, json);
  }
}

function usageError({ message }: CommanderError): EpSamError {
  const [what = "wrong usage", ...suggestions] = message.replace(/^error: /, "").split("\n");
  const suggestion = suggestions.join(" ").replace(/^\(|\)$/g, "");
  return new EpSamError("usage", {
    what,
    where: "command line",
    action: `${suggestion} \`epsam --help\` and \`epsam COMMAND --help\` show what there is.`.trim(),
  });
}
