import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { requirementsOf } from "../support/requirements.js";

it("tests are skipped by one helper alone, which EPSAM_REQUIRE turns into failures", () => {
  const files = readdirSync("test", { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.tsx?$/.test(file),
  );
  const skipping = files.filter((file) =>
    /\.(?:skip|todo|only|skipIf|runIf)\(/.test(readFileSync(join("test", file), "utf8")),
  );
  expect(skipping).toEqual([join("support", "requirements.ts")]);
});

it("EPSAM_REQUIRE lists requirements, and no other words", () => {
  expect([...requirementsOf("")]).toEqual([]);
  expect([...requirementsOf("shared, torch,")]).toEqual(["shared", "torch"]);
  expect(() => requirementsOf("shared,pytorch")).toThrow(
    /EPSAM_REQUIRE: pytorch is none of shared, torch, openslide, chromium/,
  );
});
