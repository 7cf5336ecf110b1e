import { describe, expect, it, vi } from "vitest";
import { openSlide, type PixelSource } from "../../src/slides/index.js";
import { installationHint, libraryNames } from "../../src/slides/openslide/library-names.js";
import { OpenSlideSource, openWithOpenSlide } from "../../src/slides/openslide/open-with-openslide.js";
import { rgbOnWhite } from "../../src/slides/openslide/rgb-on-white.js";
import { describeWithOpenSlideLibrary, hasOpenSlideLibrary } from "../support/openslide.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { encode, expectSameImage, failureOf, noiseImage, region } from "./made-up.js";

const SHARED_SLIDE = "data/slides/cmu-1-small-region.svs";
const SLIDE = sharedPath(SHARED_SLIDE);

vi.setConfig({ testTimeout: 180_000 });

const files = temporaryDirectory();

describe("pixels of OpenSlide", () => {
  it("are laid over white, their colours being multiplied by alpha already", () => {
    const argb = Uint32Array.of(0xff102030, 0x00000000, 0x80402000, 0x80808080);
    expect([...rgbOnWhite(argb)]).toEqual([
      ...[0x10, 0x20, 0x30],
      ...[255, 255, 255],
      ...[0x40 + 127, 0x20 + 127, 127],
      ...[255, 255, 255],
    ]);
  });
});

describe("the library", () => {
  it("is looked for by the platform's names, or where the user says", () => {
    expect(libraryNames("linux", {})).toEqual(["libopenslide.so.1", "libopenslide.so.0"]);
    expect(libraryNames("darwin", {})).toContain("/opt/homebrew/lib/libopenslide.1.dylib");
    expect(libraryNames("win32", {})[0]).toBe("libopenslide-1.dll");
    expect(libraryNames("linux", { EPSAM_OPENSLIDE: "/opt/lib.so" })).toEqual(["/opt/lib.so"]);
    expect(installationHint("darwin")).toContain("brew install openslide");
    expect(installationHint("win32")).toContain("EPSAM_OPENSLIDE");
  });

  it("is asked for by name when it is missing and nothing else reads the format", async () => {
    for (const extension of ["mrxs", "ndpi"]) {
      const path = await files.write(`slide.${extension}`, "something");
      const failure = await failureOf(openWithOpenSlide(path, { libraries: ["libnot-there.so.9"] }));
      expect(failure.tag).toBe("slide");
      expect(failure.fields.what).toBe("needs the library OpenSlide, which is not installed");
      expect(failure.fields.action).toContain(installationHint(process.platform));
    }
    const other = await files.write("notes.txt", "something");
    expect(await openWithOpenSlide(other, { libraries: ["libnot-there.so.9"] })).toEqual({
      refused: "OpenSlide is not installed",
    });
  });

  it("may be a file that is no OpenSlide", async () => {
    const path = await files.write("other.ndpi", "something");
    const failure = await failureOf(openWithOpenSlide(path, { libraries: [path] }));
    expect(failure.fields.what).toBe("needs the library OpenSlide, which is not installed");
  });

  it("that does not know a file leaves it to the others, whose reasons are told", async () => {
    const picture = await files.write("picture.mrxs", await encode(noiseImage(20, 10)));
    const wanted = hasOpenSlideLibrary ? null : "needs the library OpenSlide, which is not installed";
    const outcome = await openSlide(picture).catch((failure: unknown) => failure);
    if (wanted === null) expect(outcome).toMatchObject({ format: "PNG image" });
    else expect(outcome).toMatchObject({ fields: { what: wanted } });
    const database = await files.write("database.db", "SQLite format 3\0 and nothing else");
    const failure = await failureOf(openSlide(database));
    expect(failure.fields.what).toBe("is of no slide format that can be read");
    expect(failure.fields.why).toMatch(hasOpenSlideLibrary ? /does not know its format/ : /not installed/);
  });
});

async function openForced(timeout?: number): Promise<OpenSlideSource> {
  const outcome = await openWithOpenSlide(SLIDE, { timeout });
  if (outcome instanceof OpenSlideSource) return outcome;
  throw new Error(outcome.refused);
}

async function withBoth(use: (library: OpenSlideSource, own: PixelSource) => Promise<void>): Promise<void> {
  const library = await openForced();
  const own = await openSlide(SLIDE);
  try {
    await use(library, own);
  } finally {
    await Promise.all([library.close(), own.close()]);
  }
}

/** Ends or stops the slide's process, as a crash or an endless loop in the library would. */
function kill(slide: OpenSlideSource, signal: NodeJS.Signals): void {
  if (slide.childPid === undefined) throw new Error("the slide has no process");
  process.kill(slide.childPid, signal);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ESRCH") return false;
    throw cause;
  }
}

describeWithShared("a slide", [SHARED_SLIDE], () => {
  describeWithOpenSlideLibrary("read through OpenSlide", () => {
    it("is the same as read by ourselves", () =>
      withBoth(async (library, own) => {
        expect(library.format).toMatch(/^aperio through OpenSlide \d/);
        expect(library.levels).toEqual(own.levels);
        expect(library.micronsPerPixel).toEqual(own.micronsPerPixel);
        expect(library.objectivePower).toBe(own.objectivePower);
        expect(library.properties["openslide.vendor"]).toBe("aperio");
        for (const [x, y] of [
          [0, 0],
          [-100, -30],
          [1999, 2711],
        ] as const) {
          const wanted = region(x, y, 300, 260);
          expectSameImage(await library.readRegion(wanted), await own.readRegion(wanted));
        }
        expect([...library.associatedImages].sort()).toEqual([...own.associatedImages].sort());
        expectSameImage(await library.readAssociatedImage("label"), await own.readAssociatedImage("label"));
      }));

    it("is put together from blocks when it is large", () =>
      withBoth(async (library, own) => {
        for (const large of [region(-10, 700, 2100, 60), region(900, -20, 60, 2100)]) {
          expectSameImage(await library.readRegion(large), await own.readRegion(large));
        }
      }));

    it("refuses what it does not have", async () => {
      const slide = await openForced();
      await expect(slide.readRegion(region(0, 0, 5, 5, 3))).rejects.toMatchObject({ tag: "usage" });
      await expect(slide.readAssociatedImage("nothing")).rejects.toMatchObject({ tag: "usage" });
      const reason = new Error("enough");
      const signal = AbortSignal.abort(reason);
      await expect(slide.readRegion(region(0, 0, 5, 5), { signal })).rejects.toBe(reason);
      await slide.close();
      await expect(slide.readRegion(region(0, 0, 5, 5))).rejects.toMatchObject({ tag: "usage" });
    });

    it("survives a crash of the library: an error, then a new process, thrice", async () => {
      const slide = await openForced();
      const first = await slide.readRegion(region(0, 0, 50, 50));
      for (let crash = 0; crash < 2; crash++) {
        const pending = failureOf(slide.readRegion(region(0, 0, 2000, 2000)));
        kill(slide, "SIGSEGV");
        const failure = await pending;
        expect(failure.tag).toBe("slide");
        expect(failure.fields.what).toBe("made OpenSlide crash or hang");
        expect(failure.fields.why).toMatch(/SIGSEGV/);
        expectSameImage(await slide.readRegion(region(0, 0, 50, 50)), first);
      }
      kill(slide, "SIGKILL");
      await failureOf(slide.readRegion(region(0, 0, 2000, 2000)));
      const last = await failureOf(slide.readRegion(region(0, 0, 50, 50)));
      expect(last.fields.why).toMatch(/lost 3 times and is not started again/);
      await slide.close();
    });

    it("is given up when the library hangs", async () => {
      const slide = await openForced(500);
      kill(slide, "SIGSTOP");
      const failure = await failureOf(slide.readRegion(region(0, 0, 50, 50)));
      expect(failure.fields.what).toBe("made OpenSlide crash or hang");
      expect(failure.fields.why).toMatch(/no answer within/);
      await slide.close();
    });

    it("ends its process when closed", async () => {
      const slide = await openForced();
      const pid = slide.childPid ?? 0;
      expect(process.kill(pid, 0)).toBe(true);
      await slide.close();
      await expect.poll(() => isRunning(pid), { timeout: 20_000 }).toBe(false);
    });
  });
});
