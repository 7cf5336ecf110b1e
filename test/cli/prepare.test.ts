import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { prepareCommand } from "../../src/cli/commands/prepare.js";
import { temporaryFolder, writeGrey, writeNoise, writeText } from "../dataset/fixtures.js";

/** Runs the command in this process; standard output, standard error and exit code. */
async function run(...words: string[]) {
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      output[stream] += String(text);
      return true;
    });
  }
  const command = prepareCommand()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });
  const usageError = await command.parseAsync(words, { from: "user" }).then(
    () => null,
    (failure: Error) => failure.message,
  );
  const code = process.exitCode;
  process.exitCode = undefined;
  vi.restoreAllMocks();
  return { ...output, code, usageError };
}

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function makeInputs(): Promise<string> {
  const folder = await temporaryFolder();
  for (let index = 0; index < 3; index++) {
    await writeNoise(join(folder, "images", `t${index}.png`), 96, 64);
    await writeGrey(join(folder, "masks", `t${index}.png`), 96, 64, (x) => (x < 25 ? 255 : 0));
  }
  return folder;
}

describe("epsam prepare", () => {
  it("makes a dataset, says where, how many patches, and what comes next", async () => {
    const folder = await makeInputs();
    const out = join(folder, "dataset");
    const words = [
      join(folder, "images"),
      "--masks",
      join(folder, "masks"),
      "--patch-size",
      "32",
      "--split",
      "1,1,1",
    ];
    const { stdout, code } = await run(...words, "--out", out);
    expect(code).toBe(0);
    expect(stdout).toContain(`Dataset of 32 x 32 patches in ${out}`);
    expect(stdout).toMatch(/train +2 positive +4 negative/);
    expect(stdout).toContain(`Next: epsam train --data ${out} --out RUN`);

    const again = await run(...words, "--out", out);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/holds a dataset already[\s\S]*--overwrite/);
  });

  it("ends with exit code 3 and names what was skipped; --json prints the result", async () => {
    const folder = await makeInputs();
    await writeText(join(folder, "images", "broken.png"), "nothing like an image");
    await writeGrey(join(folder, "masks", "broken.png"), 96, 64, () => 0);
    const words = [
      join(folder, "images"),
      "--masks",
      join(folder, "masks"),
      "--patch-size",
      "32",
      "--split",
      "1,1,1",
    ];
    const { stdout, stderr, code } = await run(...words, "--out", join(folder, "dataset"), "--json");
    expect(code).toBe(3);
    expect(stderr).toMatch(/Skipped .*broken.png: .*cannot be decoded/);
    const result = JSON.parse(stdout);
    expect(result.counts.val).toEqual({ positive: 2, negative: 4 });
    expect(result.skipped).toHaveLength(1);
  });

  it("ends with exit code 1 when a mask is not binary, and says what to pass", async () => {
    const folder = await makeInputs();
    await writeGrey(join(folder, "masks", "t1.png"), 96, 64, (x) => Math.min(x, 7));
    const words = [join(folder, "images"), "--masks", join(folder, "masks"), "--patch-size", "32"];
    const { stderr, code } = await run(...words, "--out", join(folder, "dataset"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/t1.png: is not a binary mask[\s\S]*--mask-values any/);
  });

  it.each([
    [["--split", "60,10"], /Give three numbers/],
    [["--positive-range", "0.9,0.2"], /Give two fractions/],
    [["--mask-values", "some"], /Choose binary, any/],
    [["--patch-size", "0"], /whole number 1 or more/],
  ])("refuses %j", async (words, message) => {
    const { usageError } = await run("images", "--out", "dataset", ...words);
    expect(usageError).toMatch(message);
  });
});
