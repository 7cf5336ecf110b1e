import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { doctorOutcome } from "../../src/cli/commands/doctor.js";
import { checkCpu, checkEngine, shortReason } from "../../src/cli/doctor/engine-checks.js";
import {
  checkOpenCv,
  checkOpenSlide,
  checkSharp,
  checkWeights,
  embeddedModels,
} from "../../src/cli/doctor/library-checks.js";
import {
  checkDisk,
  checkMemory,
  checkNode,
  checkProcessor,
  diskCheck,
} from "../../src/cli/doctor/system-checks.js";
import { EpSamError } from "../../src/common/index.js";
import { findOpenSlide } from "../../src/slides/index.js";
import { recordingTerminal } from "./recording-terminal.js";

describe("checks on this machine", () => {
  it("find a working engine and libraries", async () => {
    expect(checkEngine().found).toMatch(/^\d+\.\d+\.\d+; providers .*cpu/);
    for (const check of [await checkCpu(), await checkSharp(), await checkOpenCv()]) {
      expect(check, check.found).toMatchObject({ state: "ok" });
    }
  });

  it("recognise the embedded weights, and weights that were changed or are gone", async () => {
    const models = await embeddedModels();
    expect((await checkWeights()).map((check) => check.state)).toEqual(["ok", "ok"]);
    const changed = models.map((model) => ({ ...model, sha256: "0".repeat(64) }));
    expect((await checkWeights(async () => changed)).map((check) => check.state)).toEqual(["fail", "fail"]);
    const gone = await checkWeights(() =>
      Promise.reject(new EpSamError("weights", { what: "not installed" })),
    );
    expect(gone).toMatchObject([{ state: "fail", found: "not installed." }]);
  });

  it("look at the directory that exists when the one asked for does not yet", async () => {
    const directory = await mkdtemp(join(tmpdir(), "epsam-doctor-"));
    const check = await checkDisk("Cache", join(directory, "not", "yet"));
    await rm(directory, { recursive: true });
    expect(check.found).toMatch(/not.yet, [\d.]+ GB free$/);
  });
});

describe("the system's OpenSlide", () => {
  it("is told by its version", () => {
    expect(checkOpenSlide({ version: "4.0.0" })).toMatchObject({ state: "ok", found: "4.0.0" });
  });

  it("is only a warning when it is absent, with what to install", () => {
    const presence = findOpenSlide("linux", { EPSAM_OPENSLIDE: "/nowhere/libopenslide.so" });
    expect(presence).not.toHaveProperty("version");
    expect(checkOpenSlide(presence)).toMatchObject({
      state: "warn",
      found: expect.stringContaining("NDPI"),
      action: expect.stringContaining("apt install libopenslide0"),
    });
  });
});

describe("limits", () => {
  it("separate what works from what is slow and what fails", () => {
    expect(["18.20.1", "20.0.0", "24.1.0"].map((version) => checkNode(version).state)).toEqual([
      "fail",
      "ok",
      "ok",
    ]);
    expect([1, 2].map((cores) => checkProcessor(cores).state)).toEqual(["warn", "ok"]);
    expect([2e9, 16e9].map((bytes) => checkMemory(bytes).state)).toEqual(["warn", "ok"]);
    expect([1e8, 1e9, 1e10].map((free) => diskCheck("Disk", "/x", free).state)).toEqual([
      "fail",
      "warn",
      "ok",
    ]);
  });

  it("come with advice whenever something is not ok", () => {
    const checks = [checkNode("18.0.0"), checkProcessor(1), checkMemory(1e9), diskCheck("Disk", "/x", 1)];
    for (const check of checks) expect(check.action).toMatch(/\.$/);
  });

  it("keep the telling part of an engine message", () => {
    const webgpu = "/src/webgpu.cc:136 void f() status == S was false. Failed to get a WebGPU adapter\n";
    expect(shortReason(webgpu)).toBe("Failed to get a WebGPU adapter");
    expect(shortReason("\n")).toBe("no reason given");
  });
});

describe("the outcome", () => {
  const fine = { name: "Node.js", state: "ok", found: "20" } as const;
  const slow = { name: "GPU", state: "warn", found: "none", action: "Buy one." } as const;
  const broken = { name: "Disk", state: "fail", found: "full", action: "Free some." } as const;

  it("fails only when a check failed", () => {
    const terminal = recordingTerminal();
    expect(doctorOutcome([fine, slow], terminal).status).toBe("done");
    const outcome = doctorOutcome([fine, slow, broken], terminal);
    expect(outcome.status).toBe("failed");
    expect(outcome.json).toEqual({ healthy: false, checks: [fine, slow, broken] });
    expect(outcome.text).toContain("1 of 3 checks failed");
    expect(outcome.text).toMatch(/fail {2}Disk +full\n +Free some\./);
  });
});
