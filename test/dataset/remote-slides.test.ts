import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { bytesAsFile, RangeServer } from "../../scripts/fixtures/range-server.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff } from "../../scripts/fixtures/tiff-writer.js";
import { listInputs, prepareDataset, prepareSlides } from "../../src/dataset/index.js";
import { configureRemoteSlides } from "../../src/slides/index.js";
import { noiseImage } from "../slides/made-up.js";
import { errorOf, recordingReporter, temporaryFolder, writeText } from "./fixtures.js";
import { TUMOUR } from "./slide-workplace.js";

const server = new RangeServer();
const slide = (seed: number): Buffer => buildTiff([deflatePage(noiseImage(256, 192, seed), 64)]);

beforeAll(() => server.start());
afterAll(async () => {
  await server.close();
  vi.unstubAllEnvs();
});
beforeEach(() => {
  server.fault = null;
  server.forget();
  configureRemoteSlides({ patience: { attempts: 2, pause: 1, silence: 500, total: 2000 } });
  vi.stubEnv("AWS_ENDPOINT_URL", server.address);
});

const settings = { patchSize: 64, tissue: "all", split: [1, 0, 0], positiveRange: [0.1, 1] } as const;

async function annotated(...names: readonly string[]): Promise<string> {
  const folder = join(await temporaryFolder(), "annotations");
  for (const name of names) await writeText(join(folder, name), TUMOUR);
  return folder;
}

describe("preparing slides on a server", () => {
  it("makes the dataset that the same files on this machine make, with nothing secret in it", async () => {
    const [folder, annotations] = [await temporaryFolder(), await annotated("Fall Ä.geojson", "b.geojson")];
    const here = join(folder, "here");
    await writeText(join(folder, "slides", "readme"), "");
    await writeFile(join(folder, "slides", "Fall Ä.tif"), slide(1));
    await writeFile(join(folder, "slides", "b.tif"), slide(2));
    const local = await prepareSlides({
      ...settings,
      annotations,
      inputs: [join(folder, "slides")],
      out: here,
    });
    // The name's accent is written in the other way that Unicode has.
    const addresses = [
      `${server.add("/one/Fall Ä.tif".normalize("NFD"), slide(1))}?sig=secret1`,
      server.add("/two/b.tif", slide(2)).replace("//", "//me:secret2@"),
    ];
    const list = join(folder, "slides.txt");
    await writeText(list, `# two\n${addresses[0]}\n\n${addresses[1]}\n`);
    const reporter = recordingReporter();
    const out = join(folder, "there");
    await writeText(join(folder, "mpp.csv"), "slide,mpp\nFall Ä.tif,0.5\nb,0.25\n");
    const options = { ...settings, annotations, out, reporter, anyResolution: true };
    const remote = await prepareSlides({ ...options, inputs: [list], mppTable: join(folder, "mpp.csv") });
    expect(remote.counts).toEqual(local.counts);
    const manifests = await Promise.all(
      [here, out].map(async (root) => (await readFile(join(root, "manifest.csv"), "utf8")).normalize("NFC")),
    );
    expect(manifests[1]?.split("\n").length).toBe(manifests[0]?.split("\n").length);
    const description = await readFile(join(out, "dataset.json"), "utf8");
    expect(JSON.parse(description).sources.map((source: { mpp: number }) => source.mpp)).toEqual([0.5, 0.25]);
    expect(`${description}${manifests[1]}${JSON.stringify(reporter)}`).not.toContain("secret");
  });

  it("lists a prefix of a bucket like a folder, page by page, and takes the profile's slides", async () => {
    const names = ["patient_024_node_1", "patient_034_node_3", "patient_051_node_2", "patient_099_node_0"];
    server.pageSize = 2;
    for (const [seed, name] of names.entries())
      server.add(`/camelyon/CAMELYON17/images/${name}.tif`, slide(seed));
    server.add("/camelyon/CAMELYON17/images/notes (1).md", Buffer.from("text"));
    server.add("/camelyon/CAMELYON17/evaluation/other.tif", slide(9));
    const [listed] = await listInputs(["s3://camelyon/CAMELYON17/images/"]);
    expect(listed?.isFolder).toBe(true);
    expect(listed?.files.map(({ path, kind }) => [path, kind])).toEqual([
      ["s3://camelyon/CAMELYON17/images/notes (1).md", "other"],
      ...names.map((name) => [`s3://camelyon/CAMELYON17/images/${name}.tif`, "tiff"]),
    ]);
    const { split: _, ...others } = settings;
    const result = await prepareSlides({
      ...others,
      inputs: ["s3://camelyon/CAMELYON17/images/"],
      annotations: await annotated("patient_024_node_1.json", "patient_034_node_3.geojson"),
      out: join(await temporaryFolder(), "dataset"),
      profile: "camelyon17",
      unannotated: "leave",
    });
    expect([result.counts.train.positive, result.counts.val.positive].every((count) => count > 0)).toBe(true);
  });

  it("names slides that cannot be read, and ends where the server does", async () => {
    const annotations = await annotated("a.geojson", "gone.geojson");
    const good = server.add("/three/a.tif", slide(3));
    const gone = `${server.address}/three/gone.tif`;
    const out = join(await temporaryFolder(), "dataset");
    const { skipped } = await prepareSlides({ ...settings, annotations, inputs: [good, gone], out });
    expect(skipped).toEqual([
      { file: gone, reason: expect.stringContaining("does not exist on its server") },
    ]);
    server.add("/three/late.tif", bytesAsFile(slide(4)));
    server.fault = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    const lateOut = join(await temporaryFolder(), "dataset");
    const late = prepareSlides({
      ...settings,
      annotations: await annotated("late.geojson"),
      inputs: [`${server.address}/three/late.tif`],
      out: lateOut,
    });
    expect(await errorOf(late)).toMatch(/^\[network\] .*503/);
  });

  it.each([
    ["ftp://example.org/a.tif", "of a kind that is not read"],
    ["https://example.org/slides/", "web servers list no folders"],
    ["s3://", "names no bucket"],
  ])("refuses %s", async (address, words) => {
    const out = join(await temporaryFolder(), "dataset");
    const work = prepareSlides({
      ...settings,
      annotations: await annotated("a.xml"),
      inputs: [address],
      out,
    });
    expect(await errorOf(work)).toContain(words);
  });

  it("refuses lists with lines that are no addresses, and images on servers", async () => {
    const list = join(await temporaryFolder(), "list.txt");
    await writeText(list, "https://example.org/a.tif\nslides/b.tif\n");
    expect(await errorOf(listInputs([list]))).toContain("line 2");
    const out = join(await temporaryFolder(), "dataset");
    const images = prepareDataset({ inputs: ["https://example.org/a.png?sig=secret"], out });
    const message = await errorOf(images);
    expect(message).toContain("images are read from this machine");
    expect(message).not.toContain("secret");
  });
});
