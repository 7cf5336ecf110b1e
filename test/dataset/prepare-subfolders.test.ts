import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareDataset, prepareSlides } from "../../src/dataset/index.js";
import { errorOf, temporaryFolder, writeNoise, writeText } from "./fixtures.js";

describe("inputs whose images lie in subfolders", () => {
  it("are told so, with the folders to give", async () => {
    const folder = await temporaryFolder();
    const root = join(folder, "data");
    await writeNoise(join(root, "images", "a.png"), 32, 32);
    await writeNoise(join(root, "images", "b.png"), 32, 32);
    await writeNoise(join(root, "more", "2024", "c.jpg"), 32, 32);
    await writeNoise(join(root, ".hidden", "d.png"), 32, 32);
    await writeText(join(root, "notes", "readme.txt"), "no image");
    const message = await errorOf(prepareDataset({ inputs: [root], out: join(folder, "out") }));
    expect(message).toMatch(/^\[usage\].*data: holds no images/);
    expect(message).toContain(`subfolders: images (2), ${join("more", "2024")} (1);`);
    expect(message).toContain(`${join(root, "images")} ${join(root, "more", "2024")}. `);
    expect(message).toContain("`masks`");
    expect(message).not.toContain("hidden");
  });

  it("are named up to a number", async () => {
    const folder = await temporaryFolder();
    for (let index = 0; index < 8; index++) {
      await writeNoise(join(folder, "data", `patient_${index}`, "a.png"), 8, 8);
    }
    const inputs = [join(folder, "data")];
    const message = await errorOf(prepareDataset({ inputs, out: join(folder, "out") }));
    expect(message).toContain("patient_4 (1) and 3 more;");
    expect(message).not.toContain("patient_5");
  });

  it("are told the same of slides", async () => {
    const folder = await temporaryFolder();
    await writeText(join(folder, "data", "center_0", "patient_000.tif"), "");
    await writeText(join(folder, "data", "scanner", "dicom", "1.dcm"), "");
    const options = { inputs: [join(folder, "data")], annotations: folder, out: join(folder, "out") };
    const message = await errorOf(prepareSlides(options));
    expect(message).toMatch(/^\[usage\].*data: holds no slides/);
    expect(message).toContain(`slides lie in subfolders: center_0 (1), ${join("scanner", "dicom")} (1);`);
    expect(message).toContain(join(folder, "data", "center_0"));
  });

  it("that hold nothing at all are refused as before", async () => {
    const folder = await temporaryFolder();
    await writeText(join(folder, "data", "notes", "readme.txt"), "no image");
    const inputs = [join(folder, "data")];
    const message = await errorOf(prepareDataset({ inputs, out: join(folder, "out") }));
    expect(message).toMatch(/holds no images.*Give a folder that holds PNG/s);
  });
});
