import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Two test files at once have a core each; with more threads they would wait for one another.
    env: { EPSAM_THREADS: "1" },
    testTimeout: 60_000,
    // What a page or server is about to show: a busy machine takes longer than the second of the default.
    expect: { poll: { timeout: 20_000 } },
    reporters: ["default"],
  },
});
