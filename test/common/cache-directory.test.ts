import { join } from "node:path";
import { expect, it } from "vitest";
import { cacheDirectory } from "../../src/common/index.js";

function directory(platform: NodeJS.Platform, variables: Record<string, string> = {}): string {
  return cacheDirectory({ platform, variables, home: "/home/ada" });
}

it("lies where each platform keeps caches, unless the user says otherwise", () => {
  expect(directory("linux")).toBe(join("/home/ada", ".cache", "ep-sam"));
  expect(directory("linux", { XDG_CACHE_HOME: "/fast" })).toBe(join("/fast", "ep-sam"));
  expect(directory("linux", { XDG_CACHE_HOME: "relative" })).toBe(join("/home/ada", ".cache", "ep-sam"));
  expect(directory("darwin")).toBe(join("/home/ada", "Library", "Caches", "ep-sam"));
  expect(directory("win32", { LOCALAPPDATA: "/local" })).toBe(join("/local", "ep-sam", "Cache"));
  expect(directory("win32", { EPSAM_CACHE_DIR: "/mine" })).toBe("/mine");
});
