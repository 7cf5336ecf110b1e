import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ASSEMBLY_MODULES, assemblyModule } from "../../scripts/build-assembly.js";

describe("what is compiled to WebAssembly", () => {
  for (const module of ASSEMBLY_MODULES) {
    it(`is what its source gives: ${module.folder}`, async () => {
      expect(await readFile(module.path, "utf8")).toBe(await assemblyModule(module));
    });
  }
});
