import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";

/** The rooms of `src` from the foundation up: each may import from those below it, through their index alone. */
const rooms = [
  "common",
  "contract",
  "geometry",
  "graph",
  "nn",
  "imaging",
  "models",
  "slides",
  "annotations",
  "dataset",
  "method",
  "evaluation",
  "run",
  "training",
  "inference",
  "cohort",
  "report",
  "project",
  "server",
  "web",
  "cli",
];

/** What the page, which runs in a browser, may know of the other rooms. */
const knownToThePage = [
  join("contract", "index.js"),
  join("geometry", "index.js"),
  join("common", "portable.js"),
];

const source = resolve("src");
const everything = readdirSync(source, { recursive: true, encoding: "utf8" });
const files = everything.filter((file) => /\.tsx?$/.test(file));

/** Lines that a file may have, style sheets too; Biome holds functions to their limit. */
const MOST_LINES = 300;

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].flatMap(([, path]) =>
    path === undefined ? [] : [relative(source, resolve(source, dirname(file), path))],
  );
}

function isAllowed(file: string, target: string): boolean {
  const room = file.split(sep)[0] ?? "";
  const [targetRoom = "", ...rest] = target.split(sep);
  if (targetRoom === room) return true;
  const throughIndex = rest.join("/") === "index.js";
  if (file === "index.ts") return throughIndex;
  if (room === "web") return knownToThePage.includes(target);
  return throughIndex && rooms.indexOf(targetRoom) < rooms.indexOf(room);
}

describe("rooms", () => {
  it("hold every source file, or it is the package's entry", () => {
    const strays = files.filter((file) => !rooms.includes(file.split(sep)[0] ?? "") && file !== "index.ts");
    expect(strays).toEqual([]);
  });

  it("import only from rooms below, through their index", () => {
    const wrong = files.flatMap((file) =>
      importsOf(file).flatMap((target) => (isAllowed(file, target) ? [] : [`${file} imports ${target}`])),
    );
    expect(wrong).toEqual([]);
  });
});

describe("files", () => {
  it("stay short enough to hold in the head", () => {
    const written = everything.filter((file) => /\.(tsx?|css)$/.test(file));
    const long = written.flatMap((file) => {
      const lines = readFileSync(join(source, file), "utf8").trimEnd().split("\n").length;
      return lines > MOST_LINES ? [`${file} has ${lines} lines`] : [];
    });
    expect(written.some((file) => file.endsWith(".css"))).toBe(true);
    expect(long).toEqual([]);
  });
});

describe("types", () => {
  it("have a name of their own, so that a name means one thing", () => {
    const places = new Map<string, string[]>();
    for (const file of files) {
      const text = readFileSync(join(source, file), "utf8");
      for (const [, name = ""] of text.matchAll(
        /^export (?:abstract )?(?:class|interface|type|enum) (\w+)/gm,
      ))
        places.set(name, [...(places.get(name) ?? []), file]);
    }
    expect(places.size).toBeGreaterThan(500);
    expect([...places].filter(([, where]) => where.length > 1)).toEqual([]);
  });
});
