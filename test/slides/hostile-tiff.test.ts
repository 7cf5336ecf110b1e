import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { HOSTILE_FILES } from "../../scripts/fixtures/hostile-tiff.js";
import { HOSTILE_LIMITS, SlideChild } from "../support/slide-child.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

/** A shared machine may be slow; the process is ended after this. */
const PATIENCE = 30;

const files = temporaryDirectory();
/** Files that a process reads. */
const FILES_PER_PROCESS = 8;
let child: SlideChild | undefined;
let reads = 0;
beforeEach(() => {
  if (child !== undefined && ++reads % FILES_PER_PROCESS !== 0) return;
  child?.close();
  child = new SlideChild();
});
afterAll(() => {
  child?.close();
});

describe("hostile files are refused by name, within a second of processor time and 160 MB", () => {
  it.each(HOSTILE_FILES.map((file) => [file.name, file] as const))("%s", async (name, file) => {
    const path = await files.write(name, await file.build());
    if (child === undefined) expect.unreachable();
    const { outcome, message, warnings, processorSeconds, addedMegabytes } = await child.read(path, PATIENCE);
    if ("error" in file.expected) {
      expect(message).toContain(file.expected.error);
      expect(message).toContain(name);
      expect(outcome).toBe("slide");
    } else {
      expect({ outcome, message }).toEqual({ outcome: "read", message: "" });
      expect(warnings.join()).toContain(file.expected.warning);
    }
    expect(processorSeconds).toBeLessThan(HOSTILE_LIMITS.seconds);
    expect(addedMegabytes).toBeLessThan(HOSTILE_LIMITS.megabytes);
  });

  it("names every case once", () => {
    expect(new Set(HOSTILE_FILES.map(({ name }) => name)).size).toBe(HOSTILE_FILES.length);
  });
});
