import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { exists } from "../../src/common/index.js";
import { prepareDataset, prepareSlides } from "../../src/dataset/index.js";
import { errorOf, makeImages, temporaryFolder, writeText } from "./fixtures.js";

const lockOf = (out: string): string => join(dirname(out), `.${basename(out)}.lock`);

/** The number of a process that sleeps until the work is done. */
async function besideProcess<T>(work: (id: number) => Promise<T>): Promise<T> {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  try {
    return await work(other.pid ?? Number.NaN);
  } finally {
    other.kill();
  }
}

/** The number of a process that has ended. */
async function endedProcess(): Promise<number> {
  const other = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  await once(other, "exit");
  return other.pid ?? Number.NaN;
}

describe("two preparations into one directory", () => {
  it("exclude each other, and the other is named", async () => {
    const options = await makeImages(await temporaryFolder());
    await besideProcess(async (id) => {
      await writeText(lockOf(options.out), JSON.stringify({ process: id, host: hostname() }));
      const images = await errorOf(prepareDataset(options));
      const { out, inputs } = options;
      const slides = await errorOf(prepareSlides({ out, inputs, annotations: await temporaryFolder() }));
      for (const message of [images, slides]) {
        expect(message).toContain(
          `[usage] ${options.out}: process ${id} on ${hostname()} is preparing this directory`,
        );
        expect(message).toContain("two would mix their patches");
        expect(message).toContain(lockOf(options.out));
      }
    });
    expect(await exists(options.out)).toBe(false);
    expect(JSON.parse(await readFile(lockOf(options.out), "utf8"))).toHaveProperty("process");
  });

  it("exclude each other within one process", async () => {
    const options = await makeImages(await temporaryFolder());
    const both = await Promise.allSettled([prepareDataset(options), prepareDataset(options)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await exists(join(options.out, "manifest.csv"))).toBe(true);
    expect(await exists(lockOf(options.out))).toBe(false);
  });

  it("do not, when the other was killed", async () => {
    const options = await makeImages(await temporaryFolder());
    const owner = { process: await endedProcess(), host: hostname() };
    await writeText(lockOf(options.out), JSON.stringify(owner));
    await prepareDataset(options);
    expect(await exists(lockOf(options.out))).toBe(false);
  });

  it("are known apart when both write beside each other", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const other = { ...options, out: join(folder, "other") };
    await Promise.all([prepareDataset(options), prepareDataset(other)]);
    expect((await readdir(folder)).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  it("leave no lock when one fails", async () => {
    const options = await makeImages(await temporaryFolder());
    const inputs = [await temporaryFolder()];
    expect(await errorOf(prepareDataset({ ...options, inputs }))).toContain("holds no images");
    expect(await exists(lockOf(options.out))).toBe(false);
    expect(await exists(options.out)).toBe(false);
  });
});
