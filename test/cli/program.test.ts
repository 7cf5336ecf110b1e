import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { describe, expect, it } from "vitest";
import { createProgram, runProgram } from "../../src/cli/program.js";
import { recordingTerminal } from "./recording-terminal.js";

async function run(...args: readonly string[]) {
  const terminal = recordingTerminal();
  return { code: await runProgram(args, terminal), ...terminal.written };
}

/** The command and all below it. */
function family(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(family)];
}

describe("the command line", () => {
  it("has an example in the help of every command", async () => {
    const commands = family(await createProgram(recordingTerminal()));
    expect(commands.length).toBeGreaterThanOrEqual(4);
    for (const command of commands) {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      expect(help, command.name()).toMatch(/Examples?:\n {2}(?:\$ )?epsam /);
      expect(command.description(), command.name()).not.toBe("");
    }
  });

  it("lists its commands without loading them, as it does with them", async () => {
    const helpOf = async (args?: readonly string[]): Promise<string> => {
      const terminal = recordingTerminal();
      (await createProgram(terminal, args)).outputHelp();
      return terminal.written.stdout;
    };
    const loaded = await helpOf();
    expect(await helpOf(["--help"])).toBe(loaded);
    expect(loaded).toMatch(/infer \[options\] <inputs\.\.\.> +segment slides/);
  });

  it("shows help and version with exit code 0", async () => {
    for (const args of [
      ["--help"],
      ["help"],
      ["doctor", "--help"],
      ["help", "models"],
      ["models", "list", "-h"],
    ]) {
      const { code, stdout, stderr } = await run(...args);
      expect([code, stderr], args.join(" ")).toEqual([0, ""]);
      expect(stdout).toContain("Usage: epsam");
    }
    expect(await run("--version")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  it.each([
    [["doctr"], "Did you mean doctor?"],
    [["doctor", "--jsn"], "Did you mean --json?"],
    [["doctor", "extra"], "too many arguments"],
    [["models", "lst"], "Did you mean list?"],
  ])("answers wrong usage with code 2: %j", async (args, advice) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Error: command line: /);
    expect(stderr).toContain(advice);
  });

  it("answers wrong usage as JSON too when asked", async () => {
    const { code, stdout } = await run("doctor", "--json", "--nope");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { tag: "usage", what: "unknown option '--nope'" } });
  });

  it("shows what there is when no command is named", async () => {
    for (const args of [[], ["models"]]) {
      const { code, stdout, stderr } = await run(...args);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain("Commands:");
    }
  });
});
