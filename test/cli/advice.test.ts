import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.js";
import { flagOf, speakFor, withFlags } from "../../src/cli/setting-flags.js";
import { nameSettings } from "../../src/contract/index.js";
import { presets } from "../../src/run/index.js";
import { recordingTerminal } from "./recording-terminal.js";

/** Each text of the program that people may read, with its file: strings, without comments. */
function texts(): { readonly file: string; readonly text: string }[] {
  const names = readdirSync("src", { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".ts") && !name.startsWith("web"));
  return files.flatMap((file) => {
    const code = readFileSync(join("src", file), "utf8").replace(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    const plain = (code.match(/"(?:[^"\\\n]|\\.)*"/g) ?? []).map((text) => text.slice(1, -1));
    const escaped = (code.match(/\\`(?:[^`\\\n])*\\`/g) ?? []).map((text) => text.replaceAll("\\`", "`"));
    return [...plain, ...escaped].map((text) => ({ file, text }));
  });
}

/** Flags of each command by its full name, `models export`. */
const flags = new Map<string, ReadonlySet<string>>();

function collect(command: CommandUnknownOpts, name: string): void {
  flags.set(name, new Set(command.options.flatMap(({ long }) => long ?? []).concat("--help")));
  for (const child of command.commands) collect(child, `${name} ${child.name()}`.trim());
}

beforeAll(async () => {
  collect(await createProgram(recordingTerminal({})), "");
}, 120_000);

/** Dotted names of everything that a configuration file can say. */
function keysOf(value: object, prefix = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => [
    `${prefix}${key}`,
    ...(typeof inner === "object" && inner !== null ? keysOf(inner, `${prefix}${key}.`) : []),
  ]);
}

describe("what messages advise", () => {
  it("names settings that a command has as a flag, or a configuration as a key", () => {
    const every = new Set([...flags.values()].flatMap((names) => [...names]));
    const keys = new Set(Object.values(presets).flatMap((preset) => keysOf(preset)));
    const unknown: string[] = [];
    let named = 0;
    for (const { file, text } of texts()) {
      nameSettings(text, (setting) => {
        named += 1;
        if (!every.has(flagOf(setting)) && !keys.has(setting)) unknown.push(`${file}: ${setting}`);
        return "";
      });
    }
    expect(named).toBeGreaterThan(100);
    expect(unknown).toEqual([]);
  });

  it("of a flag that the command at work lacks names a command that has it, whatever the command", () => {
    const every = new Set([...flags.values()].flatMap((names) => [...names]));
    const settings = new Set<string>();
    for (const { text } of texts()) nameSettings(text, (setting) => [settings.add(setting)].join());
    const told = [...settings].filter((setting) => every.has(flagOf(setting)));
    expect(told.length).toBeGreaterThan(40);
    for (const [command, own] of flags) {
      speakFor(own);
      for (const setting of told) {
        const [, flag = "", home = command] =
          /^(--[a-z-]+) all(?: of `epsam ([a-z ]+)`)?$/.exec(withFlags(`\`${setting}: all\``)) ?? [];
        expect([flag, home, flags.get(home)?.has(flag)]).toEqual([flagOf(setting), home, true]);
      }
    }
  });

  it("names commands that there are, with flags that they have", () => {
    const wrong: string[] = [];
    let named = 0;
    for (const { file, text } of texts()) {
      for (const [, words = ""] of text.matchAll(/`epsam ([^`]+)`/g)) {
        const [first = "", second = ""] = words.split(" ");
        const name = flags.has(`${first} ${second}`) ? `${first} ${second}` : first;
        named += 1;
        if (!flags.has(name) && first !== "help" && !/^[A-Z$-]/.test(first)) wrong.push(`${file}: ${words}`);
        for (const flag of words.match(/--[a-z-]+/g) ?? [])
          if (flags.get(name)?.has(flag) === false) wrong.push(`${file}: ${words}`);
      }
    }
    expect(named).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });
});
