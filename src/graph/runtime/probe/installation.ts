import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DeviceName } from "../device.js";
import { onnxRuntime, onnxRuntimeDirectory } from "../onnxruntime.js";

/** Whether ONNX Runtime has what it needs for a device, apart from drivers. */
export type Installation = "bundled" | "installed" | "not installed" | "not for this platform";

/** Where a device can be had at all. */
const PLATFORMS: Readonly<Record<DeviceName, readonly NodeJS.Platform[]>> = {
  cpu: ["linux", "win32", "darwin"],
  webgpu: ["linux", "win32", "darwin"],
  cuda: ["linux"],
  dml: ["win32"],
  coreml: ["darwin"],
};

/** Looks for a device's part of ONNX Runtime. */
export function installationOf(name: DeviceName): Installation {
  const backends = onnxRuntime().listSupportedBackends();
  if (backends.some((backend) => backend.name === name && backend.bundled)) return "bundled";
  if (!PLATFORMS[name].includes(process.platform)) return "not for this platform";
  return existsSync(providerLibrary(name)) ? "installed" : "not installed";
}

function providerLibrary(name: DeviceName): string {
  const { platform, arch } = process;
  return join(
    onnxRuntimeDirectory(),
    "bin",
    "napi-v6",
    platform,
    arch,
    `libonnxruntime_providers_${name}.so`,
  );
}

/** How to get a device that is missing or does not work. */
export function deviceAdvice(name: DeviceName, platform: NodeJS.Platform = process.platform): string {
  if (!PLATFORMS[name].includes(platform)) {
    const where = PLATFORMS[name].map((each) => PLATFORM_NAMES[each] ?? each).join(" and ");
    return `It exists on ${where} only; use webgpu.`;
  }
  if (name === "cpu") return "Reinstall with `npm ci`; the engine needs a 64-bit x86 or ARM processor.";
  if (name === "cuda") {
    const script = join(onnxRuntimeDirectory(), "script", "install.js");
    return `Needs an NVIDIA driver, CUDA 12 and cuDNN 9, and ONNX Runtime's library for it, which \`node ${script} --onnxruntime-node-install=cuda12\` downloads.`;
  }
  if (name === "webgpu" && platform === "linux") {
    return "Install the Vulkan loader and the driver of your GPU: on Debian libvulkan1 with mesa-vulkan-drivers (AMD, Intel) or nvidia-driver (NVIDIA). One that is refused needs to be newer: for Debian 12, Mesa is in bookworm-backports. A container needs the GPU passed in, for NVIDIA with NVIDIA_DRIVER_CAPABILITIES=all.";
  }
  return "Install the current driver of the GPU's maker.";
}

const PLATFORM_NAMES: Partial<Record<NodeJS.Platform, string>> = {
  linux: "Linux",
  win32: "Windows",
  darwin: "macOS",
};
