import { execFile } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { builtPath, ensureBuilt } from "../support/build.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { runProgramInProcess } from "./run-in-process.js";

const files = temporaryDirectory();
const [none, run, slide, taken] = [
  () => files.path("none"),
  () => files.path("run"),
  () => files.path("slide.svs"),
  () => files.path("taken"),
];

beforeAll(async () => {
  await ensureBuilt();
  await makeTinyRun(run());
  await files.write("slide.svs", "no slide");
  await files.write("taken", "a stranger's file");
}, 180_000);

/** The built command in a process of its own, which the first of each mistake is made with. */
function built(words: readonly string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [builtPath("cli", "main.js"), ...words], (failure, _, stderr) =>
      resolve({ code: typeof failure?.code === "number" ? failure.code : 0, stderr }),
    );
  });
}

/** The same mistake in every command that can make it; all end with exit code 2, before a device is tried. */
const mistakes: readonly [
  mistake: string,
  message: RegExp,
  commands: () => readonly (readonly string[])[],
][] = [
  [
    "an input that is not there",
    /none: (?:does not exist|cannot be (?:opened|found))/,
    () => [
      ["prepare", none(), "--out", files.path("out")],
      ["infer", none(), "--run", run(), "--out", files.path("out")],
      ["train", "--data", none(), "--out", files.path("out")],
      ["evaluate", "--run", run(), `--data=${none()}`],
      ["slide", "info", none()],
      ["slide", "thumbnail", none(), "--out", files.path("out.png")],
      ["models", "import", "--classifier", none(), "--patch-size", "64", "--out", files.path("out")],
      ["view", none(), "--state", files.path("state")],
    ],
  ],
  [
    "a run that is not there",
    /none: (?:there is no run\.json|cannot be found)/,
    () => [
      ["infer", slide(), "--run", none(), "--out", files.path("out")],
      ["evaluate", "--run", none(), "--data", none()],
      ["train", "--from-run", none(), "--out", files.path("out")],
      ["models", "export", none(), "--part", "decoder", "--format", "pth", "--out", files.path("out.pth")],
    ],
  ],
  [
    "a number that is none",
    /argument .* is invalid\./,
    () => [
      ["prepare", slide(), "--out", files.path("out"), "--mpp", "many"],
      ["infer", slide(), "--run", run(), "--out", files.path("out"), "--overlap", "2"],
      ["train", "--data", none(), "--out", files.path("out"), "--seed", "-1"],
      ["slide", "thumbnail", slide(), "--out", files.path("out.png"), "--size", "1.5"],
      ["view", slide(), "--port", "70000"],
    ],
  ],
  [
    "an output where something is",
    /taken: /,
    () => [
      ["slide", "thumbnail", slide(), "--out", taken()],
      ["models", "export", run(), "--part", "decoder", "--format", "pth", "--out", taken()],
    ],
  ],
];

describe.each(mistakes)("%s", (_, message, commands) => {
  it("is exit code 2 in every command, told without a word of the device", async () => {
    for (const [index, words] of commands().entries()) {
      const epsam = index === 0 ? built : runProgramInProcess;
      const { code, stderr } = await epsam(words);
      const name = words.slice(0, 2).join(" ");
      expect(`${name}: ${code}`).toBe(`${name}: 2`);
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain("Computing on");
    }
  }, 180_000);
});

it("an output that is not there yet is no mistake: what fails over it is exit code 1", async () => {
  await files.write("slide.xml", "<ASAP_Annotations></ASAP_Annotations>");
  const words = ["prepare", slide(), "--annotations", files.path(".")];
  for (const out of [["--out", files.path("new")], [`--out=${files.path("new")}`]]) {
    const { code, stderr } = await runProgramInProcess([...words, ...out]);
    expect(stderr).toMatch(/new: no patches are left/);
    expect(code).toBe(1);
  }
}, 60_000);
