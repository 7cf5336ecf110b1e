import { afterAll, afterEach, expect } from "vitest";
import { mutate } from "../../scripts/fixtures/mutate.js";
import { HOSTILE_LIMITS, SlideChild } from "./slide-child.js";
import type { temporaryDirectory } from "./temporary-directory.js";

/** EPSAM_FUZZ_SEED=2 looks elsewhere. */
const SEED = Number(process.env.EPSAM_FUZZ_SEED ?? 1);
const PATIENCE = 60;

/** Seconds that the tests of a file take in all; EPSAM_FUZZ_SECONDS=600 looks longer. */
export function fuzzSeconds(usual: number): number {
  return Number(process.env.EPSAM_FUZZ_SECONDS ?? usual);
}

export interface FuzzedFile {
  /** As the file is called. */
  readonly file: string;
  /** As it is told. */
  readonly title?: string | undefined;
  readonly original: Uint8Array;
  /** Where mutations aim at. */
  readonly aims: readonly number[];
  readonly seconds: number;
}

/**
 * Reads spoiled copies of a file in turn, in a process of their own, until the time is up: they are read or refused, within
 * the limits. One process reads those of all files, unless one of them ends it.
 * @param leastMutations of each file, on however slow a machine
 */
export function fuzzer(files: ReturnType<typeof temporaryDirectory>, leastMutations: number) {
  let child: SlideChild | undefined;
  const closeChild = (): void => {
    child?.close();
    child = undefined;
  };
  afterEach(({ task }) => {
    if (task.result?.state === "fail") closeChild();
  });
  afterAll(closeChild);

  return async ({ file, title = file, original, aims, seconds }: FuzzedFile): Promise<void> => {
    let refused = 0;
    child ??= new SlideChild();
    const end = Date.now() + seconds * 1000;
    for (let index = 0; index < leastMutations || Date.now() < end; index++) {
      const path = await files.write(file, mutate(original, aims, SEED, index));
      const { outcome, message, processorSeconds, addedMegabytes } = await child.read(path, PATIENCE);
      const where = `${title}, seed ${SEED}, mutation ${index}: ${message}`;
      expect(["read", "slide"], where).toContain(outcome);
      expect(addedMegabytes, where).toBeLessThan(HOSTILE_LIMITS.megabytes);
      expect(processorSeconds, where).toBeLessThan(HOSTILE_LIMITS.seconds);
      if (outcome === "slide") refused += 1;
    }
    expect(refused, "some mutations do harm").toBeGreaterThan(0);
  };
}
