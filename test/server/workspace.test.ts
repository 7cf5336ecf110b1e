import { copyFile, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import { fileInside, liesInside } from "../../src/server/workspace/inside-root.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { testServer, writeGradientSlide } from "../support/test-server.js";
import { makeTinyRun } from "../support/tiny-run.js";

const directory = temporaryDirectory();

function serve(...inputs: string[]) {
  return testServer({ inputs, stateDirectory: directory.path("state") });
}

async function emptyFile(path: string): Promise<void> {
  await writeFile(path, "");
}

describe("the workspace", () => {
  it("recognises slides, datasets, runs and results, wherever they lie in a folder", async () => {
    const root = await directory.folder();
    await mkdir(join(root, "slides", "patient-1"), { recursive: true });
    await writeGradientSlide(join(root, "slides", "patient-1", "a.tif"), 600, 500);
    await copyFile(join(root, "slides", "patient-1", "a.tif"), join(root, "slides", "b.svs"));
    await emptyFile(join(root, "slides", "notes.txt"));
    await emptyFile(join(root, "slides", "overview.png"));
    await mkdir(join(root, "data", "train", "image"), { recursive: true });
    await mkdir(join(root, "results", "a"), { recursive: true });
    for (const name of ["inference.json", "summary.json"])
      await writeFile(join(root, "results", "a", name), "{}");
    await writeGradientSlide(join(root, "results", "a", "mask.tif"), 300, 250);
    await makeTinyRun(join(root, "run"), { finished: [] });
    const { context } = await serve(root);
    const names = (entries: readonly { readonly name: string }[]) => entries.map(({ name }) => name).sort();
    expect(names(context.workspace.slides)).toEqual(["a.tif", "b.svs"]);
    expect(names(context.workspace.datasets)).toEqual(["data"]);
    expect(names(context.workspace.runs)).toEqual(["run"]);
    expect(context.workspace.results).toEqual([join(root, "results")]);
  });

  it("takes a folder of images without their masks, and a folder of DICOM files as one slide", async () => {
    const images = await directory.folder();
    for (const name of ["one.png", "one_mask.png", "two.bmp", "two_anno.bmp"])
      await emptyFile(join(images, name));
    const dicom = await directory.folder();
    for (const name of ["1.dcm", "2.dcm"]) await emptyFile(join(dicom, name));
    const { context } = await serve(images, dicom);
    const [first, second, third] = context.workspace.slides;
    expect([first?.name, second?.name]).toEqual(["one.png", "two.bmp"]);
    expect(third?.path).toBe(dicom);
  });

  it("keeps what is told of a file that cannot be opened, and shows the others", async () => {
    const root = await directory.folder();
    await writeGradientSlide(join(root, "sound.tif"), 600, 500);
    await writeFile(join(root, "broken.svs"), "no slide");
    const { slides } = await (await serve(root)).workspace();
    expect(slides.map(({ name, status }) => [name, status.state])).toEqual([
      ["broken.svs", "broken"],
      ["sound.tif", "ready"],
    ]);
    expect(slides[1]).toMatchObject({ size: { width: 600, height: 500 }, micronsPerPixel: null });
    // Nothing of where they lie.
    expect(JSON.stringify(slides)).not.toContain(root);
  });

  it("gives identifiers that tell no path and stay the same", async () => {
    const root = await directory.folder();
    await writeGradientSlide(join(root, "a.tif"), 300, 300);
    const ids = await Promise.all(
      [root, join(root, "a.tif"), `${root}/../${root.split("/").at(-1)}/a.tif`].map(async (input) => {
        const { context } = await serve(input);
        return context.workspace.slides[0]?.id;
      }),
    );
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{20}$/);
  });

  it("says what does not exist", async () => {
    await expect(serve(directory.path("absent"))).rejects.toSatisfy((failure) =>
      isEpSamError(failure, "usage"),
    );
  });
});

describe("links", () => {
  it("are followed inside of what was given and left out, with a warning, when they lead elsewhere", async () => {
    const [root, elsewhere] = [await directory.folder(), await directory.folder()];
    await writeGradientSlide(join(root, "a.tif"), 300, 300);
    await writeGradientSlide(join(elsewhere, "secret.tif"), 300, 300);
    await symlink(join(root, "a.tif"), join(root, "again.tif"));
    await symlink(join(elsewhere, "secret.tif"), join(root, "linked.tif"));
    await symlink(elsewhere, join(root, "folder.tif"));
    await symlink(join(root, "nowhere"), join(root, "dangling.tif"));
    const server = await serve(root);
    expect(server.context.workspace.slides.map(({ name }) => name)).toEqual(["a.tif"]);
    expect(server.warnings).toHaveLength(3);
    expect(server.warnings.join("\n")).toMatch(/folder\.tif|linked\.tif/);
  });

  it("that take the place of a slide later are not opened", async () => {
    const [root, elsewhere] = [await directory.folder(), await directory.folder()];
    await writeGradientSlide(join(root, "a.tif"), 300, 300);
    const server = await serve(root);
    await rename(join(root, "a.tif"), join(elsewhere, "secret.tif"));
    await symlink(join(elsewhere, "secret.tif"), join(root, "a.tif"));
    const [slide] = server.context.workspace.slides;
    const answer = await server.request(`/api/slides/${slide?.id}/tiles/0/0/0`);
    expect(answer.status).toBe(403);
    await rm(join(root, "a.tif"));
    expect((await server.request(`/api/slides/${slide?.id}/tiles/0/0/0`)).status).toBe(422);
  });

  it("never lead a named file out of its directory", async () => {
    const [root, elsewhere] = [await directory.folder(), await directory.folder()];
    await writeFile(join(elsewhere, "secret"), "");
    await mkdir(join(root, "folder"));
    await writeFile(join(root, "folder", "file"), "");
    await symlink(join(elsewhere, "secret"), join(root, "link"));
    await symlink(elsewhere, join(root, "away"));
    expect(await fileInside(root, "folder", "file")).toBe(join(root, "folder", "file"));
    const refusals = [["link"], ["away", "secret"]];
    for (const parts of refusals) {
      await expect(fileInside(root, ...parts)).rejects.toMatchObject({ tag: "forbidden" });
    }
    const nonsense = [
      ["..", "x"],
      ["folder/file"],
      ["folder\\file"],
      ["a\0b"],
      ["absent"],
      ["folder", "file", "x"],
    ];
    for (const parts of nonsense) {
      await expect(fileInside(root, ...parts)).rejects.toMatchObject({ tag: "not-found" });
    }
  });

  it.each([
    ["/data/a", "/data", true],
    ["/data", "/data", true],
    ["/data2", "/data", false],
    ["/", "/data", false],
    ["/data/..b", "/data", true],
  ])("%s lies in %s: %s", (path, root, inside) => {
    expect(liesInside(path, root)).toBe(inside);
  });
});
