import { defineConfig } from "vitest/config";

/** Tests that compute on webgpu; `npm run test:webgpu` runs them, since a GPU in software takes minutes. */
const WEBGPU = "test/**/webgpu.test.ts";

/** Tests that leave nothing behind in their process share one, which loads the source once; the others change their environment. */
const SHARED =
  "test/{annotations,common,contract,evaluation,geometry,graph,imaging,method,models,nn,report,run,slides}/" +
  "!(telemetry|config|sam-source|fuzz-*|openslide-library|webgpu).test.ts";

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    // Two test files at once have a core each; with more threads they would wait for one another.
    env: { EPSAM_THREADS: "1" },
    testTimeout: 60_000,
    // What a page or server is about to show: a busy machine takes longer than the second of the default.
    expect: { poll: { timeout: 20_000 } },
    reporters: ["default"],
    projects: [
      {
        extends: true,
        test: { name: "main", include: ["test/**/*.test.ts"], exclude: [WEBGPU, SHARED] },
      },
      { extends: true, test: { name: "main-shared", include: [SHARED], isolate: false } },
      { extends: true, test: { name: "webgpu", include: [WEBGPU], maxConcurrency: 2 } },
    ],
  },
});
