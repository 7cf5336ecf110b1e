import { Command } from "@commander-js/extra-typings";
import { visibleText } from "../../common/index.js";
import type { Check, CheckState } from "../doctor/check.js";
import { runChecks } from "../doctor/run-checks.js";
import { jsonOption } from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";
import { coloursFor, processTerminal, type Terminal } from "../terminal.js";

const EXAMPLES = `
Examples:
  epsam doctor           what works here, and what to do about the rest
  epsam doctor --json    the same for a program

Exit code 1 when something essential fails; warnings leave it at 0.
`;

export function doctorCommand() {
  return new Command("doctor")
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action((options) =>
      runCommand(options, async () => doctorOutcome(await runChecks(), processTerminal())),
    );
}

/** The checks as text and JSON; failed when one of them is. */
export function doctorOutcome(checks: readonly Check[], terminal: Terminal): CommandOutcome {
  const isFailed = checks.some((check) => check.state === "fail");
  return {
    json: { healthy: !isFailed, checks },
    text: [...checks.map((check) => checkLine(check, terminal)), "", verdict(checks)].join("\n"),
    isColoured: true,
    status: isFailed ? "failed" : "done",
  };
}

function checkLine({ name, state, found, action }: Check, terminal: Terminal): string {
  const { green, yellow, red } = coloursFor(terminal.stdout, terminal.variables);
  const none = (text: string) => text;
  const paint: Record<CheckState, (text: string) => string> = { ok: green, none, warn: yellow, fail: red };
  const line = `${paint[state](state.padEnd(5))} ${name.padEnd(22)} ${visibleText(found)}`;
  return action === undefined ? line : `${line}\n${" ".repeat(29)}${visibleText(action)}`;
}

function verdict(checks: readonly Check[]): string {
  const count = (state: CheckState): number => checks.filter((check) => check.state === state).length;
  const [failed, warned] = [count("fail"), count("warn")];
  if (failed > 0)
    return `${failed} of ${checks.length} checks failed: follow the advice above, then run epsam doctor again.`;
  const remark = warned === 0 ? "" : ` ${warned === 1 ? "One remark" : `${warned} remarks`} above.`;
  return `Everything needed works here.${remark}`;
}
