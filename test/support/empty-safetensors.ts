import { open } from "node:fs/promises";
import type { ExpectedTensor } from "../../src/models/index.js";

/** Writes float32 tensors of zeros without taking room on the disk: behind the header the file is a hole. */
export async function writeEmptySafetensors(path: string, tensors: readonly ExpectedTensor[]): Promise<void> {
  let offset = 0;
  const entries = tensors.map(({ name, shape }) => {
    const begin = offset;
    offset += 4 * shape.reduce((product, size) => product * size, 1);
    return [name, { dtype: "F32", shape, data_offsets: [begin, offset] }] as const;
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const prefix = new BigUint64Array([BigInt(header.length)]);
  const file = await open(path, "w");
  try {
    await file.writeFile(new Uint8Array(prefix.buffer));
    await file.writeFile(header);
    await file.truncate(8 + header.length + offset);
  } finally {
    await file.close();
  }
}
