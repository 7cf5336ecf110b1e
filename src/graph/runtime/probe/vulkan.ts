import koffi from "koffi";
import type { Adapter } from "./protocol.js";

/** `VkPhysicalDeviceType`, in the order in which an implementation that wants speed prefers them. */
const KINDS = new Map<number, Adapter["kind"]>([
  [2, "discrete"],
  [1, "integrated"],
  [3, "virtual"],
  [0, "other"],
  [4, "software"],
]);

const LOADERS: Partial<Record<NodeJS.Platform, string>> = { linux: "libvulkan.so.1", win32: "vulkan-1.dll" };

const APPLICATION_INFO = 0;
const INSTANCE_CREATE_INFO = 1;
const API_VERSION_1_0 = 1 << 22;
const MOST_ADAPTERS = 16;

/** Offsets in `VkPhysicalDeviceProperties`: four words, then the name; the structure takes 824 bytes. */
const PROPERTIES_BYTES = 1024;
const TYPE_OFFSET = 16;
const NAME_OFFSET = 20;
const NAME_BYTES = 256;

/** `VkPhysicalDeviceMemoryProperties`: 4 + 32 · 8 bytes of types, then the number of heaps and 16 bytes for each. */
const MEMORY_BYTES = 1024;
const HEAP_COUNT_OFFSET = 260;
const HEAPS_OFFSET = 264;
const HEAP_BYTES = 16;
const DEVICE_LOCAL = 1;

/**
 * The adapters that the Vulkan loader knows, the fastest kind first.
 * @throws Error when there is no loader or it has no driver
 */
export function vulkanAdapters(platform: NodeJS.Platform = process.platform): Adapter[] {
  const library = koffi.load(LOADERS[platform] ?? "libvulkan.so.1");
  const createInstance = library.func(
    "int vkCreateInstance(void* info, void* allocator, _Out_ void** instance)",
  );
  const enumerate = library.func(
    "int vkEnumeratePhysicalDevices(void* instance, _Inout_ uint32_t* count, void* devices)",
  );
  const properties = library.func("void vkGetPhysicalDeviceProperties(void* device, void* properties)");
  const memory = library.func("void vkGetPhysicalDeviceMemoryProperties(void* device, void* properties)");
  const instance: [unknown] = [null];
  requireSuccess("vkCreateInstance", createInstance(instanceInfo(), null, instance));
  const devices = new BigUint64Array(MOST_ADAPTERS);
  const count: [number] = [MOST_ADAPTERS];
  requireSuccess("vkEnumeratePhysicalDevices", enumerate(instance[0], count, devices));
  const order = [...KINDS.values()];
  return [...devices.subarray(0, count[0])]
    .map((device): Adapter => {
      const about = Buffer.alloc(PROPERTIES_BYTES);
      properties(device, about);
      const heaps = Buffer.alloc(MEMORY_BYTES);
      memory(device, heaps);
      return { ...nameAndKind(about), memoryBytes: largestOwnHeap(heaps) };
    })
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function requireSuccess(call: string, result: unknown): void {
  if (result !== 0) throw new Error(`${call} gave ${String(result)}: no Vulkan driver can be used`);
}

/** `VkInstanceCreateInfo` with a `VkApplicationInfo`, without layers and extensions. */
function instanceInfo(): Buffer {
  const application = Buffer.alloc(48);
  application.writeUInt32LE(APPLICATION_INFO, 0);
  application.writeUInt32LE(API_VERSION_1_0, 44);
  const info = Buffer.alloc(64);
  info.writeUInt32LE(INSTANCE_CREATE_INFO, 0);
  info.writeBigUInt64LE(koffi.address(application), 24);
  return info;
}

function nameAndKind(about: Buffer): { name: string; kind: Adapter["kind"] } {
  const text = about.subarray(NAME_OFFSET, NAME_OFFSET + NAME_BYTES);
  const end = text.indexOf(0);
  return {
    name: text.subarray(0, end === -1 ? NAME_BYTES : end).toString("utf8"),
    kind: KINDS.get(about.readUInt32LE(TYPE_OFFSET)) ?? "other",
  };
}

function largestOwnHeap(heaps: Buffer): number {
  const sizes = Array.from({ length: heaps.readUInt32LE(HEAP_COUNT_OFFSET) }, (_, index) => {
    const offset = HEAPS_OFFSET + index * HEAP_BYTES;
    const isOwn = (heaps.readUInt32LE(offset + 8) & DEVICE_LOCAL) !== 0;
    return isOwn ? Number(heaps.readBigUInt64LE(offset)) : 0;
  });
  return Math.max(0, ...sizes);
}
