import { readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { slideCommand } from "../../src/cli/commands/slide.js";
import { runProgram } from "../../src/cli/program.js";
import { decode, encode, expectSameImage, largestDifference, noiseImage } from "../slides/made-up.js";
import { cutTiles, EXPLICIT, writeDicom } from "../support/dicom-writer.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { recordingTerminal } from "./recording-terminal.js";
import { runInProcess } from "./run-in-process.js";

const slide = (...words: string[]) => runInProcess(slideCommand(), words);

const files = temporaryDirectory();
let dicom: string;
let picture: string;
const pixels = noiseImage(300, 200);

beforeAll(async () => {
  picture = await files.write("picture.png", await encode(pixels));
  dicom = await writeDicom(files.path("slide.dcm"), {
    width: 300,
    height: 200,
    tileWidth: 64,
    tileHeight: 32,
    frames: cutTiles(pixels, 64, 32).map(({ data }) => data),
    transferSyntax: EXPLICIT,
    photometric: "RGB",
    spacing: [0.0005, 0.00025],
    objectivePower: "40",
  });
});

const notSquare = "its pixels are 0.2500 × 0.5000 microns, by what it tells; a scanner's are square";

describe("epsam slide info", () => {
  it("shows levels, resolution, size in millimetres and format", async () => {
    const { stdout, code } = await slide("info", dicom);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        `${dicom}: DICOM`,
        "  size        300 × 200 pixels, 0.07 × 0.10 mm",
        "  resolution  0.25 × 0.5 µm per pixel",
        "  objective   40×",
        "  associated  none",
        "",
        "  level  width  height  downsample    tiles",
        "  0        300     200           1  64 × 32",
        "",
        `  warning: ${notSquare}`,
        "",
      ].join("\n"),
    );
  });

  it("says when the resolution is not in the file, and what to do", async () => {
    const { stdout } = await slide("info", picture);
    expect(stdout).toContain("resolution  not in the file; give --mpp");
    expect(stdout).toContain("objective   not in the file");
  });

  it("gives the same to programs", async () => {
    const { stdout, code } = await slide("info", dicom, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      path: dicom,
      format: "DICOM",
      levels: [{ width: 300, height: 200, downsample: 1, tileSize: { width: 64, height: 32 } }],
      micronsPerPixel: { x: 0.25, y: 0.5 },
      objectivePower: 40,
      associatedImages: [],
      warnings: [notSquare],
    });
  });

  it("adds properties when asked", async () => {
    const { stdout } = await slide("info", dicom, "--properties");
    expect(stdout).toMatch(/ {4}Manufacturer: Made by a test\n/);
    expect(stdout).not.toContain("Secret");
    const { properties } = JSON.parse((await slide("info", dicom, "--properties", "--json")).stdout);
    expect(properties.PhotometricInterpretation).toBe("RGB");
    expect((await slide("info", picture, "--properties")).stdout).toContain("properties  none");
  });

  it("answers files that are no slides with one message", async () => {
    const text = files.path("notes.txt");
    await writeFile(text, "no slide");
    await writeFile(files.path("empty.svs"), "");
    for (const [file, message] of [
      [text, /Error: .*notes\.txt: is of no slide format that can be read/],
      [files.path("empty.svs"), /Error: .*empty\.svs: is an empty file/],
      [files.path("nowhere.svs"), /Error: .*nowhere\.svs: cannot be opened/],
    ] as const) {
      const { stdout, stderr, code } = await slide("info", file);
      expect([stdout, code]).toEqual(["", 1]);
      expect(stderr).toMatch(message);
      expect(stderr.match(/Error:/g)).toHaveLength(1);
    }
    const { stdout, code } = await slide("info", text, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ tag: "slide", where: text });
  });
});

describe("epsam slide thumbnail", () => {
  it("averages the slide by a whole factor", async () => {
    const out = files.path("small.png");
    const { stdout, code } = await slide("thumbnail", dicom, "--out", out, "--size", "100");
    expect([code, stdout]).toEqual([0, `100 × 67 pixels in ${out}\n`]);
    const image = await decode(await readFile(out));
    expect([image.width, image.height]).toEqual([100, 67]);
    // 300 x 200 averaged over 2 x 2 and resized: near the mean of any three by three pixels.
    const expected = { ...image, data: image.data.map(() => 128) };
    expect(largestDifference(image, expected)).toBeLessThan(110);
  });

  it("does not enlarge", async () => {
    const out = files.path("same.png");
    await slide("thumbnail", picture, "--out", out);
    expectSameImage(await decode(await readFile(out)), pixels);
  });

  it("replaces nothing unasked", async () => {
    const out = files.path("kept.png");
    await writeFile(out, "kept");
    const refused = await slide("thumbnail", picture, "--out", out);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("exists already");
    expect(await readFile(out, "utf8")).toBe("kept");
    const { code, stdout } = await slide("thumbnail", picture, "--out", out, "--overwrite", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ out, width: 300, height: 200 });
  });

  it("refuses impossible sizes and a missing --out", async () => {
    const terminal = recordingTerminal();
    const words = ["slide", "thumbnail", picture];
    expect(await runProgram([...words, "--out", "x.png", "--size", "9"], terminal)).toBe(2);
    expect(await runProgram(words, terminal)).toBe(2);
    expect(terminal.written.stderr).toMatch(/Give a whole number from 16 to 8192/);
    expect(terminal.written.stderr).toMatch(/required option '--out <png>'/);
  });
});
