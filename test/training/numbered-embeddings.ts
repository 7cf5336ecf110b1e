import type { PatchEmbeddings } from "../../src/training/patch-embeddings.js";

const ELEMENTS = 256 * 64 * 64;

/** A patch under one of its variants. */
export type PatchVariant = Parameters<PatchEmbeddings["batch"]>[0][number];

/** Embeddings full of the patch's number; `calls` receives the patches that are asked for. */
export function numberedEmbeddings(calls: string[]): Pick<PatchEmbeddings, "get" | "batch"> {
  const get = async ({ id }: PatchVariant["patch"]) => {
    calls.push(id);
    return new Float32Array(ELEMENTS).fill(Number(id));
  };
  return {
    get,
    batch: async (patches) => {
      const joined = new Float32Array(patches.length * ELEMENTS);
      for (const [index, { patch }] of patches.entries()) joined.set(await get(patch), index * ELEMENTS);
      return joined;
    },
  };
}

/** A patch that numbered embeddings know. */
export function embeddedPatch(id: string): PatchVariant {
  const patch = { id, imagePath: `${id}.png`, maskPath: null };
  return { patch: patch as PatchVariant["patch"], variant: 0 };
}
