import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import {
  chooseDevice,
  type DeviceName,
  defaultThreads,
  deviceAdvice,
  type Examination,
  type Installation,
  type ProbeResult,
  parseDeviceRequest,
  probeDevice,
  shortReason,
} from "../../src/graph/index.js";
import { withRefusal } from "../../src/graph/runtime/probe/protocol.js";

const real = { name: "GeForce RTX 4090", kind: "discrete", memoryBytes: 25.8e9 } as const;
const software = { name: "SwiftShader Device (Subzero)", kind: "software", memoryBytes: 2e9 } as const;
const absent: ProbeResult = { works: false, reason: "Failed to get a WebGPU adapter" };

/** A machine that has ONNX Runtime's part for the named devices, which answer so. */
function machine(devices: Partial<Record<DeviceName, ProbeResult>>, probed: DeviceName[] = []): Examination {
  return {
    installation: (name): Installation => (devices[name] === undefined ? "not installed" : "bundled"),
    probe: async (name) => {
      probed.push(name);
      return devices[name] ?? absent;
    },
  };
}

describe("--device auto", () => {
  it("takes the first real GPU that works, and says which", async () => {
    const examination = machine({
      webgpu: { works: true, adapter: real, gigaflops: 2100 },
      cuda: { works: true, gigaflops: 5000 },
    });
    expect(await chooseDevice("auto", { threads: 3, examination })).toEqual({
      device: { name: "webgpu", threads: 3 },
      reason: "webgpu (GeForce RTX 4090, discrete, 25.8 GB), 2100 GFLOP/s",
      isSoftware: false,
    });
  });

  it("goes on to the next device, and never takes one in software or one that is as slow", async () => {
    const cuda = machine({ webgpu: absent, cuda: { works: true, gigaflops: 5000 } });
    expect((await chooseDevice("auto", { examination: cuda })).device.name).toBe("cuda");
    for (const webgpu of [
      { works: true, adapter: software, gigaflops: 900 },
      { works: true, gigaflops: 2 },
    ] as const) {
      const { device, reason } = await chooseDevice("auto", { examination: machine({ webgpu }) });
      expect(device.name).toBe("cpu");
      expect(reason).toContain("software");
    }
  });

  it("is the CPU where nothing works, with the reason, and does not try what is not installed", async () => {
    const probed: DeviceName[] = [];
    const { device, reason } = await chooseDevice("auto", {
      examination: machine({ webgpu: absent }, probed),
    });
    expect(device.name).toBe("cpu");
    expect(reason).toBe("cpu, no GPU: webgpu: Failed to get a WebGPU adapter");
    expect(probed).toEqual(["webgpu"]);
  });
});

describe("a device asked for by name", () => {
  it("is the CPU without trying anything", async () => {
    const probed: DeviceName[] = [];
    const choice = await chooseDevice("cpu", { threads: 2, examination: machine({}, probed) });
    expect(choice.device).toEqual({ name: "cpu", threads: 2 });
    expect(probed).toEqual([]);
  });

  it("may compute in software, which is told", async () => {
    const examination = machine({ webgpu: { works: true, adapter: software, gigaflops: 1 } });
    expect(await chooseDevice("webgpu", { examination })).toMatchObject({
      device: { name: "webgpu" },
      isSoftware: true,
    });
  });

  it.each([
    ["cuda", "not installed", "cuda12"],
    ["webgpu", "Failed to get a WebGPU adapter", "`device: cpu`"],
  ] as const)("that does not work is an error with what to do: %s", async (name, why, action) => {
    const examination = machine({ webgpu: absent });
    await expect(chooseDevice(name, { examination })).rejects.toMatchObject({
      tag: "device",
      fields: {
        why,
        action: expect.stringContaining(process.platform === "linux" ? action : "`device: cpu`"),
      },
    });
  });

  it("has to exist", () => {
    expect(parseDeviceRequest("auto")).toBe("auto");
    expect(parseDeviceRequest("webgpu")).toBe("webgpu");
    expect(() => parseDeviceRequest("tpu")).toThrowError(/"tpu" is not a device.*cpu, webgpu/);
  });
});

describe("a probe", () => {
  it("tells why a device does not work, and outlives a child that does not answer", async () => {
    const result = await probeDevice("dml");
    expect(result).toMatchObject({ works: false, reason: expect.stringMatching(/\S/) });
    expect(await probeDevice("cpu", { timeLimit: 1 })).toEqual({
      works: false,
      reason: "no answer within 0.001 s",
    });
  });

  it("finds that the CPU computes rightly", async () => {
    const result = await probeDevice("cpu");
    expect(result).toMatchObject({ works: true, gigaflops: expect.any(Number) });
  });
});

describe("advice", () => {
  it("fits the platform", () => {
    expect(deviceAdvice("webgpu", "linux")).toMatch(/libvulkan1.*bookworm-backports/);
    expect(deviceAdvice("dml", "linux")).toMatch(/Windows only/);
    expect(deviceAdvice("coreml", "win32")).toMatch(/macOS only/);
    expect(deviceAdvice("cuda", "linux")).toMatch(/--onnxruntime-node-install=cuda12/);
    expect(deviceAdvice("dml", "win32")).toMatch(/driver/);
  });

  it("repeats why WebGPU refused a driver, which its error does not tell", () => {
    const failure = {
      works: false,
      reason: "Failed to get a WebGPU adapter: No supported adapters",
    } as const;
    const refusal = [
      "Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.",
      " - While initializing adapter (backend=BackendType::Vulkan)",
      "    at InitializeImpl (/dawn/native/vulkan/PhysicalDeviceVk.cpp:253)",
    ].join("\n");
    expect(withRefusal({ ...failure, adapter: software }, refusal)).toEqual({
      works: false,
      reason: `${failure.reason}; a driver was refused, perhaps as too old: Vulkan shaderUniform*ArrayDynamicIndexing required`,
      adapter: software,
    });
    expect(withRefusal(failure, "Warning: a limit was reduced.\n")).toEqual(failure);
    const working = { works: true, adapter: real, gigaflops: 2100 } as const;
    expect(withRefusal(working, refusal)).toEqual(working);
  });

  it("keeps the telling part of an engine's message", () => {
    const webgpu = "/src/webgpu.cc:136 void f() status == S was false. Failed to get a WebGPU adapter\n";
    expect(shortReason(new Error(webgpu))).toBe("Failed to get a WebGPU adapter");
    expect(shortReason(new Error("\n"))).toBe("no reason given");
  });
});

describe("EPSAM_THREADS", () => {
  it("limits the threads, which are every core otherwise", () => {
    expect(defaultThreads({ EPSAM_THREADS: "3" })).toBe(3);
    expect(defaultThreads({ EPSAM_THREADS: "" })).toBe(availableParallelism());
    expect(defaultThreads({})).toBe(availableParallelism());
  });

  it.each(["0", "-1", "1.5", "all"])("refuses %s", (text) => {
    expect(() => defaultThreads({ EPSAM_THREADS: text })).toThrow(/is not a number of threads/);
  });
});
