import { appendFile, type FileHandle, open as openFile, readFile, stat, writeFile } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import { stateOf } from "../../src/annotations/saved/history.js";
import { AnnotationJournal } from "../../src/annotations/saved/journal.js";
import type { JournalRecord } from "../../src/annotations/saved/journal-lines.js";
import { RandomStream, type Reporter, silentReporter } from "../../src/common/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { objectOf, uuid } from "./annotation-fixtures.js";

const files = temporaryDirectory();
const slide = { id: "slide", name: "slide.tif", path: "/slides/slide.tif" };
const at = "2026-01-01T00:00:00.000Z";

function warnings(): { reporter: Reporter; told: string[] } {
  const told: string[] = [];
  return { told, reporter: { ...silentReporter, warn: (message) => told.push(message) } };
}

function open(path: string, compactBytes?: number, reporter: Reporter = silentReporter) {
  return AnnotationJournal.open(path, slide, { reporter, compactBytes });
}

function draw(revision: number): JournalRecord {
  const changes = [{ type: "add" as const, object: objectOf(revision) }];
  return { type: "edit", revision, at, title: `Draw ${revision}`, changes };
}

/** A journal of so many edits; its bytes. */
async function journalOf(name: string, edits: number): Promise<{ path: string; bytes: Buffer }> {
  const path = files.path(name);
  const journal = await open(path);
  for (let revision = 1; revision <= edits; revision++) await journal.append(draw(revision));
  return { path, bytes: await readFile(path) };
}

describe("a journal", () => {
  it("gives everything back when it is opened again, undo and redo too", async () => {
    const path = files.path("again.journal");
    const journal = await open(path);
    await journal.append(draw(1));
    await journal.append(draw(2));
    await journal.append({ type: "undo", revision: 3, at });
    const again = await open(path);
    expect(again.history).toEqual(journal.history);
    expect(stateOf(again.history)).toMatchObject({ revision: 3, undo: "Draw 1", redo: "Draw 2" });
    await again.append({ type: "redo", revision: 4, at });
    expect(stateOf((await open(path)).history).objects.map(({ id }) => id)).toEqual([uuid(1), uuid(2)]);
  });

  it("has no file before the first edit, and saves nothing when there is nothing to undo", async () => {
    const path = files.path("empty.journal");
    const journal = await open(path);
    expect(await journal.append({ type: "undo", revision: 1, at })).toBeNull();
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  it("drops an edit cut off at any byte, with a warning, and goes on from the one before", async () => {
    const { bytes } = await journalOf("whole.journal", 3);
    const end = bytes.length - 1;
    const lastLine = bytes.lastIndexOf(10, end - 1) + 1;
    const path = files.path("torn.journal");
    for (let cut = lastLine + 1; cut <= end; cut += 7) {
      const { told, reporter } = warnings();
      await writeFile(path, bytes.subarray(0, cut));
      const journal = await open(path, undefined, reporter);
      expect(journal.history.revision).toBe(2);
      expect(told.join()).toContain(`${cut - lastLine} bytes`);
      await journal.append(draw(3));
      expect(await readFile(path)).toEqual(bytes);
    }
  });

  it("drops zeros that a power cut left at the end", async () => {
    const { path, bytes } = await journalOf("zeros.journal", 2);
    await writeFile(path, Buffer.concat([bytes, Buffer.alloc(4096)]));
    expect((await open(path)).history.revision).toBe(2);
    expect(await readFile(path)).toEqual(bytes);
  });

  it("is refused and kept when any byte of a whole line has changed", async () => {
    const { path, bytes } = await journalOf("damaged.journal", 3);
    const stream = new RandomStream(0, "damaged journal");
    for (let attempt = 0; attempt < 60; attempt++) {
      const damaged = Buffer.from(bytes);
      const position = stream.integer(bytes.length - 1);
      damaged[position] = (damaged[position] ?? 0) ^ (1 << stream.integer(8));
      await writeFile(path, damaged);
      await expect(open(path)).rejects.toMatchObject({ tag: "annotation" });
      expect(await readFile(path)).toEqual(damaged);
    }
  });

  it.each([
    ["lost", (lines: string[]) => [lines[0], lines[2], lines[3]]],
    ["repeated", (lines: string[]) => [lines[0], lines[1], lines[1]]],
    ["before the snapshot", (lines: string[]) => [lines[1], lines[0]]],
  ])("is refused when a line is %s", async (what, arrange) => {
    const { path, bytes } = await journalOf(`${what}.journal`, 3);
    const lines = arrange(bytes.toString("utf8").trimEnd().split("\n"));
    await writeFile(path, `${lines.join("\n")}\n`);
    await expect(open(path)).rejects.toMatchObject({
      tag: "annotation",
      fields: { what: expect.stringContaining("is damaged"), where: expect.stringMatching(/line \d/) },
    });
  });

  it("is refused when it belongs to another slide", async () => {
    const { path } = await journalOf("other.journal", 1);
    const other = { ...slide, id: "other", name: "other.tif" };
    await expect(AnnotationJournal.open(path, other, { reporter: silentReporter })).rejects.toThrow(
      "holds the annotations of slide.tif, not of other.tif",
    );
  });

  it("becomes a snapshot when its records outgrow it, and stays the same journal", async () => {
    const path = files.path("compact.journal");
    const journal = await open(path, 2000);
    const snapshots = new Set<string>();
    for (let revision = 1; revision <= 40; revision++) {
      await journal.append(revision % 5 === 0 ? { type: "undo", revision, at } : draw(revision));
      const bytes = await readFile(path, "utf8");
      snapshots.add(bytes.slice(0, bytes.indexOf("\n")));
      expect((await open(path)).history).toEqual(journal.history);
    }
    expect(snapshots.size).toBeGreaterThan(2);
    expect([...snapshots].at(-1)).toContain(`"id":"${uuid(1)}"`);
  });

  it.each(["write", "sync"] as const)(
    "is as before when a %s fails, and goes on afterwards",
    async (call) => {
      const { path, bytes } = await journalOf(`failing-${call}.journal`, 2);
      const journal = await open(path);
      const handle = await openFile(path);
      const prototype: Pick<FileHandle, "write" | "sync"> = Object.getPrototypeOf(handle);
      await handle.close();
      const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      const failing = vi.spyOn(prototype, call);
      if (call === "sync") failing.mockRejectedValueOnce(full);
      else {
        // Half of the line gets to the disk.
        failing.mockImplementationOnce(async () => {
          await appendFile(path, "0123456789abcdef {");
          throw full;
        });
      }
      await expect(journal.append(draw(3))).rejects.toMatchObject({ tag: "storage" });
      failing.mockRestore();
      expect(await readFile(path)).toEqual(bytes);
      expect(journal.history.revision).toBe(2);
      await journal.append(draw(3));
      expect((await open(path)).history).toEqual(journal.history);
    },
  );

  it("does not write over what another program appended", async () => {
    const { path, bytes } = await journalOf("shared.journal", 1);
    const [one, other] = [await open(path), await open(path)];
    await other.append(draw(2));
    await expect(one.append(draw(2))).rejects.toThrow("was changed by another program");
    expect((await readFile(path)).subarray(0, bytes.length)).toEqual(bytes);
    expect((await open(path)).history.revision).toBe(2);
  });
});
