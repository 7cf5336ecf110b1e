import { describe, it } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** Why a test is skipped, for reporters. */
    absent?: string;
  }
}

/** What a test may need besides Node and the packages of npm. */
const REQUIREMENTS = [
  /** The data in `../shared`. */
  "shared",
  /** PyTorch and NumPy for `/usr/bin/python3`. */
  "torch",
  /** OpenSlide: the library, and its package for `/usr/bin/python3`. */
  "openslide",
  "chromium",
  /** Any adapter of WebGPU, such as Chromium's SwiftShader. */
  "webgpu",
  /** A GPU of the system's that is faster than SwiftShader, such as Mesa's lavapipe. */
  "vulkan",
  /** The right to mount a file system. */
  "mount",
  /** The program that shows what another asks of the system. */
  "strace",
  /** A Redis server of the system, which tests start for themselves. */
  "redis",
  /** Pipes, signals and limits, which Windows lacks. */
  "posix",
] as const;

export type Requirement = (typeof REQUIREMENTS)[number];

/** Those that `EPSAM_REQUIRE` lists: without them tests fail instead of being skipped. */
const required = requirementsOf(process.env.EPSAM_REQUIRE ?? "");

/**
 * The requirements that a comma-separated list names.
 * @throws Error for a word that is none
 */
export function requirementsOf(list: string): ReadonlySet<Requirement> {
  const words = list
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  return new Set(
    words.map((word) => {
      const known = REQUIREMENTS.find((requirement) => requirement === word);
      if (known !== undefined) return known;
      throw new Error(`EPSAM_REQUIRE: ${word} is none of ${REQUIREMENTS.join(", ")}`);
    }),
  );
}

/**
 * `describe` for tests that need something. Where it is absent, its body does not run: the group is one skipped
 * test whose name says why, or a failed one where `EPSAM_REQUIRE` lists the requirement.
 * @param absent what is missing, undefined where nothing is
 */
export function describeWith(
  requirement: Requirement,
  absent: string | undefined,
  name: string,
  body: () => void,
): void {
  if (absent === undefined) describe(name, body);
  else skip(requirement, absent, name);
}

/** `it` for a test that needs something, see {@link describeWith}. */
export function itWith(
  requirement: Requirement,
  absent: string | undefined,
  name: string,
  body: () => void | Promise<void>,
  timeout?: number,
): void {
  if (absent === undefined) it(name, body, timeout);
  else skip(requirement, absent, name);
}

/** What stands for tests that cannot run. */
function skip(requirement: Requirement, absent: string, name: string): void {
  if (required.has(requirement)) {
    it(`${name} (${absent})`, () => {
      throw new Error(`EPSAM_REQUIRE lists ${requirement}, but: ${absent}`);
    });
  } else it.skip(`${name} (${absent})`, { meta: { absent } });
}

/** Why tests of pipes, signals and limits cannot run here. */
export const noPosix = process.platform === "win32" ? "not on Windows" : undefined;
