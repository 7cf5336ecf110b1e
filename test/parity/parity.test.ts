import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { loadGolden } from "../../scripts/parity/golden.js";
import { isWithinTolerance, runParity, sectionNames } from "../../scripts/parity/run-parity.js";
import { builtArguments } from "../support/built-processes.js";
import "../support/shared-sessions.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { GoldenCopy, goldenFiles } from "./corruption.js";

const repository = join(import.meta.dirname, "..", "..");
/** A complete run takes half a minute on an idle machine. */
const LONG = 300_000;

const files = goldenFiles.map((name) => `golden/${name}`);

describeWithShared("parity with the original", files, () => {
  it(
    "holds in every section",
    async () => {
      const { results, failures, passed } = await runParity(await loadGolden(sharedPath("golden")));
      expect(failures).toEqual([]);
      expect(results.filter((result) => !isWithinTolerance(result))).toEqual([]);
      const compared = sectionNames.filter((name) => results.some(({ section }) => section.startsWith(name)));
      expect(compared).toEqual(sectionNames);
      expect(passed).toBe(true);
    },
    LONG,
  );
});

describeWithShared("a damaged golden directory", files, () => {
  let copy: GoldenCopy;
  beforeEach(async () => {
    copy = await GoldenCopy.create();
  });
  afterEach(() => copy.remove());

  /** Sections that exceed their tolerance or cannot be compared. */
  async function failing(only?: readonly string[]): Promise<string[]> {
    const { results, failures, passed } = await runParity(await loadGolden(copy.path), only);
    const names = [
      ...failures.map(({ section }) => section),
      ...results.filter((result) => !isWithinTolerance(result)).map(({ section }) => section),
    ];
    expect(passed).toBe(names.length === 0);
    return names;
  }

  it("passes while it is not damaged", async () => {
    expect(await failing(["high_frequency", "metrics"])).toEqual([]);
  });

  it(
    "one gradient's norm 5 % too large",
    async () => {
      const norm = z.object({ l2: z.number() });
      const section = "classifier_train_drop_mask";
      await copy.editSection(section, (content) => {
        const grads = z.record(z.string(), z.looseObject(norm.shape)).parse(content.grads);
        const name = "layer3.2.conv2.weight";
        const summary = grads[name];
        return { ...content, grads: { ...grads, [name]: { ...summary, l2: 1.05 * (summary?.l2 ?? 0) } } };
      });
      expect(await failing([section])).toEqual([`${section} gradients, worst tensor`]);
    },
    LONG,
  );

  it(
    "one logit 1 % off",
    async () => {
      await copy.editSection("classifier_eval", (content) => {
        const [first = 0, second = 0] = z.array(z.number()).parse(content.logits);
        return { ...content, logits: [first * 1.01, second] };
      });
      expect(await failing(["classifier_eval"])).toEqual(["classifier_eval"]);
    },
    LONG,
  );

  it(
    "one row of a mask inverted",
    async () => {
      await copy.invertMaskRow("cam_mask_camelyon17.png", 300);
      expect(await failing(["cam_camelyon16", "cam_camelyon17"])).toEqual(["cam_camelyon17 mask"]);
    },
    LONG,
  );

  it("one hash of an image operation changed", async () => {
    const file = join(copy.path, "imageops.json");
    await writeFile(file, (await readFile(file, "utf8")).replace(/"sha256": "./, '"sha256": "g'));
    expect(await failing(["imageops"])).toEqual(["imageops"]);
  });

  it("a section missing", async () => {
    await copy.edit(({ metrics: _, ...rest }) => rest);
    expect(await failing(["metrics", "high_frequency"])).toEqual(["metrics"]);
  });

  it("a value missing from a section", async () => {
    await copy.editSection("metrics", ({ dice: _, ...rest }) => rest);
    expect(await failing(["metrics"])).toEqual(["metrics"]);
  });

  it("a section that nobody knows", async () => {
    await copy.edit((content) => ({ ...content, cam_camelyon18: {} }));
    expect(await failing(["metrics"])).toEqual(["cam_camelyon18"]);
  });

  it("another tag than the inputs were made with", async () => {
    await copy.edit((content) => ({ ...content, tag: "z" }));
    expect(await failing(["high_frequency", "metrics"])).toEqual(["high_frequency", "metrics"]);
  });

  it("the inputs of another tag than the results", async () => {
    await copy.edit((content) => {
      const renamed: unknown = JSON.parse(JSON.stringify(content.metrics).replaceAll('\\"a/', '\\"z/'));
      return { tag: "z", metrics: renamed };
    });
    expect(await failing(["metrics"])).toEqual(["metrics"]);
  });

  it.each([
    ["imageops.json", "imageops"],
    ["cam.safetensors", "cam_camelyon16, cam_camelyon17"],
    ["cam_input.png", "cam_camelyon16, cam_camelyon17"],
  ])("the file %s missing", async (name, section) => {
    await copy.removeFile(name);
    const only = section.split(", ");
    const { failures } = await runParity(await loadGolden(copy.path), only);
    expect(failures.map((failure) => failure.section)).toEqual([section]);
    expect(failures[0]?.reason).toContain(name);
  });

  it("no golden.json", async () => {
    await copy.removeFile("golden.json");
    await expect(loadGolden(copy.path)).rejects.toThrow("golden.json");
  });

  it(
    "the command exits 1 and names the section, and 0 for the undamaged one",
    async () => {
      const run = (...options: string[]) =>
        spawnSync(
          process.execPath,
          builtArguments([
            ...["--import", "tsx", "scripts/parity/main.ts", copy.path],
            ...["--sections", "metrics,high_frequency", ...options],
          ]),
          { cwd: repository, encoding: "utf8" },
        );
      const whole = run();
      expect(whole.stderr).toBe("");
      expect(whole.status).toBe(0);
      expect(whole.stdout).toMatch(/section +error +tolerance/);
      expect(whole.stdout).toMatch(/metrics +\d\.\de-\d+ +1\.0e-4/);
      await copy.editSection("metrics", (content) => ({ ...content, dice: 0.7 }));
      const damaged = run();
      expect(damaged.status).toBe(1);
      expect(damaged.stdout).toMatch(/metrics .*EXCEEDED/);
      expect(damaged.stdout).toContain("FAILED metrics");
      const unknown = run("--sections", "metricz");
      expect(unknown.status).toBe(1);
      expect(unknown.stderr).toContain("metricz");
    },
    LONG,
  );
});
