import { execFileSync } from "node:child_process";
import { Command, CommanderError, Option } from "@commander-js/extra-typings";
import { beforeAll, describe, expect, it } from "vitest";
import { tumourGroupsOption } from "../../src/cli/group-options.js";
import {
  deviceOption,
  numberSetting,
  outOption,
  overwriteOption,
  path,
  seedOption,
  wholeNumber,
} from "../../src/cli/options.js";
import { speakFor, withFlags } from "../../src/cli/setting-flags.js";
import { isEpSamError } from "../../src/common/index.js";
import { inferenceSettings } from "../../src/contract/index.js";

const positiveNumber = numberSetting(inferenceSettings.shape.tolerance);
const fraction = numberSetting(inferenceSettings.shape.gate);

// The process may have run a command before.
beforeAll(() => speakFor(null));

/** What commander says about one option given one text. */
function messageFor(option: Option, text: string): string {
  const command = new Command("test")
    .addOption(option)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([option.long ?? "", text], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.message;
    if (isEpSamError(thrown)) return thrown.message;
    throw thrown;
  }
  return "accepted";
}

describe("option parsers", () => {
  it("accept what they promise", () => {
    expect(["0", "+7", "4294967295"].map(wholeNumber(0, 2 ** 32 - 1))).toEqual([0, 7, 4294967295]);
    expect(["0.25", ".5", "1e-5", "3"].map(positiveNumber)).toEqual([0.25, 0.5, 1e-5, 3]);
    expect(["0", "1", "0.2"].map(fraction)).toEqual([0, 1, 0.2]);
    expect(path("a b")).toBe("a b");
  });

  it.each([
    ["whole number", wholeNumber(0, 10), ["", "1.5", "-1", "11", "0x3", "1e1", "NaN", " 3"]],
    ["positive number", positiveNumber, ["", "0", "-1", "Infinity", "1e999", "1,5", "abc"]],
    ["fraction", fraction, ["", "-0.1", "1.01", "20%", "NaN"]],
    ["path", path, ["", "  "]],
  ])("refuse everything else: %s", (_, parse: (text: string) => unknown, texts) => {
    for (const text of texts) expect(() => parse(text), JSON.stringify(text)).toThrow(/^(Give|Choose) /);
  });

  it("name the option in the message", () => {
    expect(messageFor(seedOption(), "x")).toBe(
      "error: option '--seed <integer>' argument 'x' is invalid. Give a whole number from 0 to 4294967295.",
    );
    expect(messageFor(outOption("where"), "")).toContain("option '--out <directory>'");
    expect(messageFor(new Option("--stride <pixels>", "").argParser(wholeNumber(1)), "0")).toContain(
      "1 or more",
    );
    expect(messageFor(deviceOption(), "gpu")).toContain('--device: "gpu" is not a device');
    expect(messageFor(seedOption(), "7")).toBe("accepted");
  });

  it("give typed values to the command", () => {
    const options = new Command("test")
      .addOption(seedOption().default(0))
      .addOption(deviceOption())
      .addOption(overwriteOption())
      .parse(["--seed", "5", "--overwrite"], { from: "user" })
      .opts();
    const seed: number = options.seed;
    expect([seed, options.device, options.overwrite]).toEqual([5, "auto", true]);
  });
});

describe("names of groups", () => {
  it.each(["Tumor", "Tumor, invasive", "a,b,c", "Tumeur $1", 'the "big" one', "back\\slash, too"])(
    "%s is what the advice about it gives when a shell has read it",
    (name) => {
      const advice = withFlags(`\`groups.tumour: "${name}"\``);
      const words = execFileSync("bash", ["-c", `printf '%s\\n' ${advice}`], { encoding: "utf8" }).split(
        "\n",
      );
      expect(words[0]).toBe("--tumour-groups");
      const command = new Command("test").addOption(tumourGroupsOption());
      expect(command.parse(words.slice(0, 2), { from: "user" }).opts()).toEqual({ tumourGroups: [name] });
    },
  );
});
