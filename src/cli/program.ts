import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { EpSamError } from "../common/index.js";
import { ExitCode } from "./exit-codes.js";
import type { Terminal } from "./terminal.js";

const HELP = `
Examples:
  epsam demo
  epsam doctor
  epsam run slides --annotations xml --out project
  epsam prepare images --masks masks --patch-size 256 --out dataset
  epsam help prepare

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some inputs were skipped.
Environment: EPSAM_CACHE_DIR moves the cache, EPSAM_THREADS limits the threads of the CPU, EPSAM_DEBUG=1 shows where
errors come from, NO_COLOR=1 switches colours off. Research use only; see NOTICE for the patent application.
`;

/** A command as the list of commands shows it; its module, and all that it needs, is loaded where it is named. */
interface ListedCommand {
  /** Name, options and arguments, as Commander writes them. */
  readonly usage: string;
  readonly description: string;
  readonly load: () => Promise<CommandUnknownOpts>;
}

/** Every command, in the order of the help. */
const COMMANDS: readonly ListedCommand[] = [
  {
    usage: "demo [options]",
    description: "the whole job on generated tissue, from slides to a report, in a few minutes",
    load: async () => (await import("./commands/demo.js")).demoCommand(),
  },
  {
    usage: "run [options] [inputs...]",
    description:
      "prepare, train, evaluate and segment what is left over, in one project folder; resumes by itself",
    load: async () => (await import("./commands/run.js")).runProjectCommand(),
  },
  {
    usage: "prepare [options] <inputs...>",
    description: "cut patches from slides or images, or take ready patches, and make a dataset",
    load: async () => (await import("./commands/prepare.js")).prepareCommand(),
  },
  {
    usage: "embed [options]",
    description: "compute what training reads of SAM and other frozen networks beforehand, also on a queue",
    load: async () => (await import("./commands/embed.js")).embedCommand(),
  },
  {
    usage: "train [options]",
    description: "train on a dataset: classifier, initial masks, fine-tuning of SAM, rounds of re-training",
    load: async () => (await import("./commands/train.js")).trainCommand(),
  },
  {
    usage: "evaluate [options]",
    description: "measure every stage of a run on a dataset with pixel masks, with confidence intervals",
    load: async () => (await import("./commands/evaluate.js")).evaluateCommand(),
  },
  {
    usage: "infer [options] <inputs...>",
    description: "segment slides, and patches and images of any size, with a trained run",
    load: async () => (await import("./commands/infer.js")).inferCommand(),
  },
  {
    usage: "worker [options]",
    description: "work on slides that others put into a queue, on this machine",
    load: async () => (await import("./commands/worker.js")).workerCommand(),
  },
  {
    usage: "queue",
    description: "look at a queue of slides, try again what was set aside, pause, clear",
    load: async () => (await import("./commands/queue.js")).queueCommand(),
  },
  {
    usage: "teach [options] <slide>",
    description: "make a run of a few labelled squares of a slide, in seconds",
    load: async () => (await import("./commands/teach.js")).teachCommand(),
  },
  {
    usage: "view [options] [inputs...]",
    description: "look at slides, results, datasets and runs in a browser; correct and retrain",
    load: async () => (await import("./commands/view.js")).viewCommand(),
  },
  {
    usage: "slide",
    description: "look at whole-slide images",
    load: async () => (await import("./commands/slide.js")).slideCommand(),
  },
  {
    usage: "models",
    description: "pretrained weights: what there is, downloads, weights from and for other programs",
    load: async () => (await import("./commands/models.js")).modelsCommand(),
  },
  {
    usage: "doctor [options]",
    description: "check versions, devices, weights and disk",
    load: async () => (await import("./commands/doctor.js")).doctorCommand(),
  },
];

function nameOf({ usage }: ListedCommand): string {
  return usage.split(" ", 1).join();
}

/** What stands for a command that is not loaded: enough for the list, and for suggestions. */
function unloaded(listed: ListedCommand): CommandUnknownOpts {
  const command: CommandUnknownOpts = new Command(nameOf(listed));
  for (const word of listed.usage.split(" ").slice(1)) {
    if (word === "[options]") command.option("--json");
    else command.argument(word);
  }
  return command;
}

/**
 * The whole command line; parsing throws CommanderError instead of ending the process.
 * @param args what it is to parse: only commands that are named there are loaded; all of them unless told
 */
export async function createProgram(
  terminal: Terminal,
  args?: readonly string[],
): Promise<CommandUnknownOpts> {
  const program: CommandUnknownOpts = new Command("epsam")
    .description(
      "Pixel-accurate segmentation of cancer in histology images, learned from patch labels alone.",
    )
    .version(await versionFor(args), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addHelpText("after", HELP)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // Reported by runProgram in the form of every other error.
      outputError: () => undefined,
    })
    .hook("preAction", async (_, command) => {
      const { speakFor } = await import("./setting-flags.js");
      speakFor(command.options.flatMap(({ long }) => long ?? []));
    });
  for (const listed of COMMANDS) {
    const isNamed = args === undefined || args.includes(nameOf(listed));
    const command = (isNamed ? await listed.load() : unloaded(listed)).description(listed.description);
    inheritSettings(command, program);
    program.addCommand(command);
  }
  return program;
}

/** The version where it is asked for: the help starts without the foundation of all rooms, which would take half its time. */
async function versionFor(args: readonly string[] | undefined): Promise<string> {
  if (args?.every((arg) => !/^-(?:\w*V|-version)/.test(arg))) return "";
  const { packageVersion } = await import("../common/index.js");
  return packageVersion();
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
    const program = await createProgram(terminal, args);
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? ExitCode.done);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return ExitCode.done;
      // Commander has printed the help that stands for a missing command.
      if (thrown.code === "commander.help") return ExitCode.wrongUsage;
    }
    const { reportError } = await import("./error-report.js");
    return reportError(thrown instanceof CommanderError ? await usageError(thrown) : thrown, terminal, json);
  }
}

async function usageError({ message }: CommanderError): Promise<EpSamError> {
  const { EpSamError, withoutSecrets } = await import("../common/index.js");
  const [what = "wrong usage", ...suggestions] = withoutSecrets(message)
    .replace(/^error: /, "")
    .split("\n");
  const suggestion = suggestions.join(" ").replace(/^\(|\)$/g, "");
  return new EpSamError("usage", {
    what,
    where: "command line",
    action: `${suggestion} \`epsam --help\` and \`epsam COMMAND --help\` show what there is.`.trim(),
  });
}
