import { input } from "../value.js";
import { type Device, hasOwnMemory } from "./device.js";
import { GraphSession, type HostTensors } from "./session.js";
import type { DeviceTensor, Feeds } from "./tensors.js";

const sentPrefix = "sent:";

/** Tensors where the sessions of a device read them without copying. */
export interface PlacedTensors {
  /** By their names. */
  readonly feeds: Feeds;
  /** Frees what was placed; the tensors must not be fed afterwards. */
  release(): Promise<void>;
}

/**
 * Copies tensors into the memory of a device that has its own, once for many runs; for other devices they stay
 * where they are.
 */
export async function placeOnDevice(tensors: HostTensors, target: Device): Promise<PlacedTensors> {
  if (!hasOwnMemory(target)) return { feeds: tensors, release: async () => undefined };
  const entries = Object.entries(tensors);
  const outputs = Object.fromEntries(
    entries.map(([name, { shape, dataType }]) => [name, input(sentPrefix + name, shape, dataType)]),
  );
  const session = await GraphSession.create(outputs, target, { keep: Object.keys(outputs) });
  const sent = Object.fromEntries(entries.map(([name, tensor]) => [sentPrefix + name, tensor]));
  const { kept } = await session.runKeeping(sent);
  return { feeds: kept, release: () => releaseAll(kept, session) };
}

/** The session goes last: the memory of its results is its own. */
async function releaseAll(
  kept: Readonly<Record<string, DeviceTensor>>,
  session: GraphSession,
): Promise<void> {
  for (const tensor of Object.values(kept)) tensor.release();
  await session.close();
}
