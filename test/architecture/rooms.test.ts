import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";

/** The rooms of `src`, top to bottom: each may import from those above it, through their index alone. */
const rooms = [
  "common",
  "graph",
  "nn",
  "imaging",
  "models",
  "slides",
  "annotations",
  "dataset",
  "prompting",
  "evaluation",
  "training",
  "inference",
  "report",
  "server",
  "web",
  "cli",
];

const source = resolve("src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) =>
  /\.tsx?$/.test(file),
);

/** What the page, which runs in a browser, may know of the other rooms. */
const contract = "server/contract/index.js";

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].flatMap(([, path]) =>
    path === undefined ? [] : [relative(source, resolve(source, dirname(file), path))],
  );
}

describe("rooms", () => {
  it("holds every source file in a room, or is the package's entry", () => {
    const strays = files.filter((file) => !rooms.includes(file.split(sep)[0] ?? "") && file !== "index.ts");
    expect(strays).toEqual([]);
  });

  it.each(files)("%s imports only from rooms above, through their index", (file) => {
    const room = rooms.indexOf(file.split(sep)[0] ?? "");
    const wrong = importsOf(file).filter((target) => {
      const [targetRoom = "", ...rest] = target.split(sep);
      if (file === "index.ts") return rest.join("/") !== "index.js";
      if (rooms.indexOf(targetRoom) === room) return false;
      if (rooms[room] === "web") return [targetRoom, ...rest].join("/") !== contract;
      return rooms.indexOf(targetRoom) > room || rest.join("/") !== "index.js";
    });
    expect(wrong).toEqual([]);
  });
});

describe("files", () => {
  it("stay short enough to hold in the head", () => {
    const long = files.filter((file) => readFileSync(join(source, file), "utf8").split("\n").length > 400);
    expect(long).toEqual([]);
  });
});
