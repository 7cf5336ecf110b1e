import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../src/common/index.js";
import type { JobEntry } from "../../src/contract/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { createApp } from "../../src/server/app.js";
import { createServerContext } from "../../src/server/context.js";
import { planJob } from "../../src/server/jobs/job-plan.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { memorySlide } from "../support/memory-slide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { areaFrom, objectOf, square } from "./annotation-fixtures.js";

const files = temporaryDirectory();

async function contextWith(slides: readonly string[], openSlides?: OpenSlides) {
  const stateDirectory = join(await files.folder(), "state");
  const signal = new AbortController().signal;
  const context = createServerContext({ stateDirectory, signal, reporter: silentReporter, openSlides });
  const ids = slides.map((path) => context.workspace.addSlide(path).id);
  return { context, stateDirectory, ids };
}

describe("what a job runs", () => {
  it("is the command that its request stands for", async () => {
    const { context, stateDirectory, ids } = await contextWith(["/slides/a b.tif"]);
    const run = await makeTinyRun(await files.folder());
    const request = {
      kind: "infer",
      run: context.workspace.addRun(run.root).id,
      slides: [...ids, ...ids],
      stage: "preliminary",
      overlap: 0.25,
      tissue: "all",
    } as const;
    const { steps, makes, slides } = await planJob(context, "job", request);
    const out = join(stateDirectory, "results", "job");
    expect(steps.map(({ args }) => args)).toEqual([
      [
        ...[
          "infer",
          "/slides/a b.tif",
          "--run",
          run.root,
          "--out",
          out,
          "--as",
          "slides",
          "--json",
          "--resume",
        ],
        ...["--stage", "preliminary", "--overlap", "0.25", "--tissue", "all"],
      ],
    ]);
    expect(makes).toEqual({ results: out, resultsName: basename(run.root) });
    expect(slides).toEqual(ids);
  });

  it("of retraining are a dataset at the run's patch size and resolution, and a round with it", async () => {
    const { context, stateDirectory, ids } = await contextWith(["/slides/a.tif"]);
    const run = await makeTinyRun(await files.folder());
    const { record } = run;
    const resolution = { mpp: { finest: 0.5, median: 0.5, coarsest: 0.5 }, level: 0 };
    const dataset = { ...record.dataset, resolution };
    await writeFile(run.path("run.json"), JSON.stringify({ ...record, dataset }));
    const request = {
      kind: "retrain",
      name: "better",
      run: context.workspace.addRun(run.root).id,
      slides: ids,
      unmarked: "normal",
    } as const;
    const { steps, makes } = await planJob(context, "job", request);
    const [corrections, out] = [
      join(stateDirectory, "datasets", "better corrections"),
      join(stateDirectory, "runs", "better"),
    ];
    const [preparation, training] = steps;
    expect(preparation?.args.join(" ")).toBe(
      `prepare /slides/a.tif --from-annotations ${stateDirectory} --unmarked normal --out ${corrections} ` +
        "--patch-size 64 --json --positive-range 0.005,1 --split 1,0,0 --mpp 0.5",
    );
    expect(training?.resumeArgs.join(" ")).toBe(
      `train --from-run ${run.root} --corrections ${corrections} --out ${out} --json --resume`,
    );
    expect(makes).toEqual({ dataset: corrections, run: out });
    await mkdir(out, { recursive: true });
    await expect(planJob(context, "other", request)).rejects.toThrow("better: exists already");
  });

  it("takes annotation files from the folder that knows most of the slides", async () => {
    const { context, ids } = await contextWith(["/slides/a.tif", "/slides/b.tif"]);
    const folders = [await files.folder(), await files.folder()];
    const request = {
      kind: "prepare",
      name: "data",
      slides: ids,
      patchSize: 64,
      stride: 32,
      annotations: "files",
    } as const;
    await expect(planJob(context, "job", request)).rejects.toThrow(
      "none of the slides has an annotation file",
    );
    for (const folder of folders) context.workspace.addAnnotationFolder(folder);
    await writeFile(join(folders[0] ?? "", "a.xml"), "");
    for (const name of ["a.xml", "b.geojson"]) await writeFile(join(folders[1] ?? "", name), "");
    const { steps } = await planJob(context, "job", request);
    const args = steps[0]?.args ?? [];
    expect(args[args.indexOf("--annotations") + 1]).toBe(folders[1]);
  });
});

describe("microns per pixel given for slides that tell none", () => {
  it("are passed on for those alone", async () => {
    const open = async (path: string) => {
      const micronsPerPixel = path.endsWith("silent.tif") ? null : { x: 0.25, y: 0.25 };
      return memorySlide(path, 64, 64, () => [0, 0, 0], { micronsPerPixel });
    };
    const paths = ["/slides/telling.tif", "/slides/silent.tif"];
    const { context, ids } = await contextWith(paths, new OpenSlides({ open }));
    const request = {
      kind: "prepare",
      name: "data",
      slides: ids,
      patchSize: 64,
      stride: 64,
      mpp: 0.5,
      annotations: "corrections",
    } as const;
    const { steps } = await planJob(context, "job", request);
    const args = steps[0]?.args ?? [];
    const table = args[args.indexOf("--mpp-csv") + 1] ?? "";
    expect(await readFile(table, "utf8")).toBe("slide,mpp\nsilent.tif,0.5\n");
    const told = await planJob(context, "other", { ...request, slides: ids.slice(0, 1) });
    expect(told.steps[0]?.args).not.toContain("--mpp-csv");
  });
});

describe("a job of the real command line", () => {
  it("makes a dataset of corrections that were saved in the same server", async () => {
    const tissue = await writeGeneratedSlides(await files.folder(), {
      count: 1,
      size: 256,
      seed: 3,
      imagesPerPatient: 1,
      micronsPerPixel: 0.5,
      reporter: silentReporter,
    });
    const [name] = await readdir(tissue.slides);
    const { context, ids } = await contextWith([join(tissue.slides, name ?? "")]);
    const app = createApp(context);
    const send = async (path: string, body: object, method = "POST"): Promise<Response> =>
      app.request(`http://localhost/api${path}`, {
        method,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const objects = [
      objectOf(1, { area: areaFrom(square(0, 0, 100)) }),
      objectOf(2, { area: areaFrom(square(0, 0, 192)), classification: "Region*" }),
      objectOf(3, { area: areaFrom(square(140, 10, 40)), classification: "Nécrose" }),
    ];
    const changes = objects.map((object) => ({ type: "add", object }));
    expect(
      (await send(`/slides/${ids[0]}/annotations`, { revision: 0, title: "Draw", changes })).status,
    ).toBe(200);
    const request = {
      kind: "prepare",
      name: "Corrected",
      slides: ids,
      patchSize: 64,
      stride: 64,
      tissue: "all",
      annotations: "corrections",
    };
    // A class of which nobody has said what it means is refused before anything is cut.
    const refused = await send("/jobs", request);
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringMatching(
        /annotations of the class \\"Nécrose\\".*under Annotations choose what the class means/,
      ),
    ]);
    expect((await send("/classes", { name: "Tumor", meaning: "exclusion" }, "PUT")).status).toBe(400);
    expect((await send("/classes", { name: "Nécrose", meaning: "exclusion" }, "PUT")).status).toBe(200);
    const started: JobEntry = JSON.parse(await (await send("/jobs", request)).text());
    const job = await ended(app, started.id);
    expect(job.problem).toBeNull();
    expect(job.log).toContain('Classes made in the page: "Nécrose" is no tumour.');
    expect(job).toMatchObject({ state: "done", title: expect.stringContaining("Prepare Corrected") });
    const dataset = context.workspace.dataset(job.result?.dataset ?? "");
    const { patches } = await openDataset(dataset.root);
    // 9 patches lie in the region; those with more than 90 % of tumour are no positives of weak labels.
    expect(patches.map(({ x, y, label }) => [x, y, label])).toEqual(
      expect.arrayContaining([
        [64, 0, 1],
        [128, 128, 0],
      ]),
    );
    expect(patches.every(({ x, y }) => (x ?? 0) <= 128 && (y ?? 0) <= 128)).toBe(true);
  }, 300_000);
});

async function ended(app: ReturnType<typeof createApp>, id: string): Promise<JobEntry> {
  for (;;) {
    const jobs: JobEntry[] = JSON.parse(await (await app.request("http://localhost/api/jobs")).text());
    const job = jobs.find((entry) => entry.id === id);
    if (job !== undefined && job.state !== "queued" && job.state !== "running") return job;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
