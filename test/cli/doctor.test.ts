import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { doctorOutcome } from "../../src/cli/commands/doctor.js";
import { absentCheck, probedCheck } from "../../src/cli/doctor/device-checks.js";
import { checkCpu, checkEngine } from "../../src/cli/doctor/engine-checks.js";
import {
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
    for (const check of [await checkCpu(), await checkSharp()]) {
      expect(check, check.found).toMatchObject({ state: "ok" });
    }
  });

  it("recognise the embedded weights, and weights that were changed or are gone", async () => {
    const models = await embeddedModels();
    expect((await checkWeights()).map((check) => check.state)).toEqual(["ok", "ok", "ok"]);
    const changed = models.map((model) => ({ ...model, sha256: "0".repeat(64) }));
    expect((await checkWeights(async () => changed)).map((check) => check.state)).toEqual([
      "fail",
      "fail",
      "fail",
    ]);
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
});

describe("a device", () => {
  const adapter = { name: "GeForce RTX 4090", kind: "discrete", memoryBytes: 25.8e9 } as const;

  it("is fine when it works, with its adapter and speed", () => {
    expect(probedCheck("webgpu", { works: true, adapter, gigaflops: 2100 })).toEqual({
      name: "Device webgpu",
      state: "ok",
      found: "works: webgpu (GeForce RTX 4090, discrete, 25.8 GB), 2100 GFLOP/s; use it with --device webgpu",
    });
  });

  it("is slow when its adapter computes in software, or is as slow", () => {
    const software = { ...adapter, name: "SwiftShader Device", kind: "software" } as const;
    for (const result of [
      { works: true, adapter: software, gigaflops: 1 },
      { works: true, gigaflops: 1 },
    ] as const) {
      const check = probedCheck("webgpu", result);
      expect(check).toMatchObject({ state: "warn", found: expect.stringContaining("software") });
      expect(check.action).toContain("slow and for tests");
    }
  });

  it("that fails tells why and what to install", () => {
    const check = probedCheck("webgpu", { works: false, reason: "Failed to get a WebGPU adapter" });
    expect(check).toMatchObject({ state: "warn", found: "Failed to get a WebGPU adapter" });
    expect(check.action).toContain("--device cpu");
  });

  it("that is not there is no remark, and says how to get it", () => {
    expect(absentCheck("cuda", "not installed")).toMatchObject({ state: "none", found: "not installed" });
    expect(absentCheck("dml", "not for this platform").action).toMatch(/Windows|driver/);
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
