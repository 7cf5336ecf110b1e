import { defineConfig } from "vitest/config";

/** Tests that compute on webgpu; `npm run test:webgpu` runs them, since a GPU in software takes minutes. */
const WEBGPU = "test/**/webgpu.test.ts";

/** Tests that change what their process holds (environment, modules, timers, streams), or measure it. */
const ALONE = [
  "test/{architecture,examples,parity,project}/**/*.test.ts",
  "test/**/{annotation-journal,answers,bucket-*,checkout,config,embedding-cache,fuzz-*,openslide-library}.test.ts",
  "test/**/{models,process,remote-buckets,sam-source,slide-annotations,socket,telemetry,web}.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    // Of two cores and one more, since tests of the page wait for it half of their time.
    maxWorkers: 3,
    // A test file has a core; with more threads it would wait for the others.
    env: { EPSAM_THREADS: "1" },
    setupFiles: ["test/support/equal-arrays.ts", "test/support/setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What a page or server is about to show: a busy machine takes longer than the second of the default.
    expect: { poll: { timeout: 20_000 } },
    reporters: ["default"],
    projects: [
      { extends: true, test: { name: "main", include: ALONE, exclude: [WEBGPU] } },
      // The others share processes, which load the source once.
      {
        extends: true,
        test: {
          name: "main-shared",
          include: ["test/**/*.test.ts"],
          exclude: [WEBGPU, ...ALONE],
          isolate: false,
          setupFiles: ["test/support/setup-shared.ts"],
        },
      },
      { extends: true, test: { name: "webgpu", include: [WEBGPU], maxConcurrency: 2 } },
    ],
  },
});
