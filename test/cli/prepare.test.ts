import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { prepareCommand } from "../../src/cli/commands/prepare.js";
import { openDataset } from "../../src/dataset/index.js";
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

  it("labels windows of patches, half a window apart unless told otherwise", async () => {
    const folder = await makeInputs();
    const paths = [join(folder, "images"), "--masks", join(folder, "masks")];
    const words = [...paths, "--patch-size", "32", "--split", "1,0,0", "--overwrite"];
    const windowsFor = async (...more: string[]) => {
      const out = join(folder, "dataset");
      expect((await run(...words, "--out", out, ...more)).code).toBe(0);
      const { settings } = JSON.parse(await readFile(join(out, "dataset.json"), "utf8"));
      const { patches } = await openDataset(out);
      const first = patches.find(({ x, y }) => x === 0 && y === 0);
      return { rule: settings.windows, windows: first?.windows };
    };

    const usual = await windowsFor("--window-size", "16");
    expect(usual.rule).toEqual({ size: 16, stride: 8, share: 0.05 });
    expect(usual.windows?.map(({ x, y }) => [x, y]).slice(0, 4)).toEqual([
      [0, 0],
      [8, 0],
      [16, 0],
      [0, 8],
    ]);
    // Tumour ends at x = 25: the window from 16 has 7 of 16 columns of something else.
    expect(usual.windows?.map(({ tumour, other }) => `${tumour}${other}`).slice(0, 3)).toEqual([
      "10",
      "10",
      "11",
    ]);
    const told = await windowsFor("--window-size", "16", "--window-stride", "16", "--window-share", "0.45");
    expect(told.rule).toEqual({ size: 16, stride: 16, share: 0.45 });
    expect(told.windows?.map(({ x, tumour, other }) => [x, `${tumour}${other}`])).toEqual([
      [0, "10"],
      [16, "10"],
      [0, "10"],
      [16, "10"],
    ]);
    expect(await windowsFor()).toEqual({ rule: null, windows: undefined });
  });

  it.each([
    [["--window-size", "33"], /--window-size: cannot be 33\s.*give a whole number of at most 32\./],
    [["--window-stride", "8"], /--window-stride: is for labels of windows.*\s.*--window-size PIXELS/],
    [["--window-share", "0.1"], /--window-share: is for labels of windows.*\s.*--window-size PIXELS/],
    [["--window-size", "0"], /--window-size.*Give a whole number 1 or more/],
    [["--window-size", "16", "--window-stride", "0"], /--window-stride.*Give a whole number 1 or more/],
    [["--window-size", "16", "--window-share", "0.5"], /--window-share.*Give a share from 0 to below 0\.5/],
  ])("refuses windows that cannot be: %j", async (more, message) => {
    const folder = await makeInputs();
    const paths = [
      join(folder, "images"),
      "--masks",
      join(folder, "masks"),
      "--out",
      join(folder, "dataset"),
    ];
    const { stderr, usageError, code } = await run(...paths, "--patch-size", "32", ...more);
    if (usageError === null) expect(code).toBe(2);
    expect(`${usageError ?? ""}${stderr}`).toMatch(message);
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

describe("epsam prepare with slides", () => {
  async function makeSlides(): Promise<{ folder: string; words: readonly string[] }> {
    const folder = await temporaryFolder();
    const corners = [
      [0, 0],
      [50, 0],
      [50, 64],
      [0, 64],
    ];
    const ring = [...corners, corners[0]];
    const geometry = { type: "Polygon", coordinates: [ring] };
    const feature = { type: "Feature", geometry, properties: { classification: { name: "Invasive" } } };
    for (const name of ["s0", "s1", "broken"]) {
      await writeNoise(join(folder, "slides", `${name}.png`), 96, 64);
      await writeText(join(folder, "outlines", `${name}.geojson`), JSON.stringify(feature));
    }
    await writeText(join(folder, "slides", "broken.png"), "nothing like a slide");
    const inputs = ["s0", "s1", "broken"].map((name) => join(folder, "slides", `${name}.png`));
    const patches = ["--patch-size", "32", "--tissue", "all", "--split", "1,0,1"];
    return { folder, words: [...inputs, "--annotations", join(folder, "outlines"), ...patches] };
  }

  it("makes a dataset of them and ends with exit code 3 when one is broken", async () => {
    const { folder, words } = await makeSlides();
    const out = join(folder, "dataset");
    const groups = ["--tumour-groups", "Invasive"];
    const { stdout, stderr, code } = await run(...words, ...groups, "--out", out, "--json");
    expect(stderr).toMatch(/Skipped .*broken.png/);
    expect(code).toBe(3);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      inputKind: "slides",
      patchSize: 32,
      counts: { train: { positive: 2, negative: 2 } },
    });
    const again = await run(...words, ...groups, "--out", out, "--overwrite");
    expect(again.stdout).toMatch(/discarded: 0 with too little tissue, 0 with too little tumour/);
  });

  it("says what groups of annotations it does not know", async () => {
    const { folder, words } = await makeSlides();
    const { stderr, code } = await run(...words, "--out", join(folder, "dataset"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/unknown group "Invasive"/);
  });

  it.each([
    [["--level", "1"], /--level: is for slides, which need annotations/],
    [["--as", "slides"], /--as slides: is for slides, which need annotations/],
    [["--annotations", "a", "--masks", "b"], /--annotations and --masks: are both given/],
    [["--annotations", "a", "--as", "images"], /--annotations and --as images: are both given/],
  ])("refuses %s", async (words, message) => {
    const { stderr, code } = await run("x", "--out", "y", ...words);
    expect(code).toBe(2);
    expect(stderr.replace(/\s+/g, " ")).toMatch(message);
  });

  it.each([
    ["--tissue", "300"],
    ["--tumour-groups", "a,,b"],
    ["--profile", "camelyon18"],
  ])("takes no %s %s", async (option, value) => {
    expect((await run("x", "--annotations", "a", "--out", "y", option, value)).usageError).toMatch(
      /argument/,
    );
  });
});
