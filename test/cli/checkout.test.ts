import { execFile } from "node:child_process";
import { cp, rm, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { describeWith, noPosix } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const ROOT = join(import.meta.dirname, "..", "..");
/** What a checkout has that the command is made of. */
const FILES = ["bin", "src", "scripts", "weights", ".npmrc", "package.json", "package-lock.json"];
const CONFIGURATIONS = ["tsconfig.json", "tsconfig.build.json"];
const BUILDS = "Building from the sources";
/** A build takes ten seconds on two quiet cores. */
const LONGEST_BUILD = 480_000;

const { path } = temporaryDirectory();

/** `npx epsam --version` in the checkout, with an npm that has nothing in its cache and reaches no registry. */
async function version(): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, npm_config_cache: path("cache"), npm_config_registry: "http://127.0.0.1:9/" };
  return promisify(execFile)("npx", ["epsam", "--version"], { cwd: path("checkout"), env });
}

describeWith("posix", noPosix, "a fresh checkout", () => {
  beforeAll(async () => {
    for (const file of [...FILES, ...CONFIGURATIONS]) {
      await cp(join(ROOT, file), join(path("checkout"), file), { recursive: true });
    }
  }, LONGEST_BUILD);

  describe("npx epsam", () => {
    it("says what to do before npm ci", async () => {
      await expect(version()).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining("Run `npm ci`"),
      });
    });

    it(
      "works after npm ci alone, after that wrong order, and for two at a time",
      async () => {
        await symlink(join(ROOT, "node_modules"), join(path("checkout"), "node_modules"));
        const both = await Promise.all([version(), version()]);
        for (const { stdout } of both) expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
        const again = await version();
        expect(again.stdout).toBe(both[0].stdout);
        expect(again.stderr).not.toContain(BUILDS);
      },
      LONGEST_BUILD,
    );

    it.each(["a changed source", "an unfinished build"])(
      "builds again after %s",
      async (what) => {
        const checkout = path("checkout");
        if (what === "a changed source") {
          const now = new Date();
          await utimes(join(checkout, "src", "index.ts"), now, now);
        } else {
          await rm(join(checkout, "dist", "cli"), { recursive: true });
          await rm(join(checkout, "dist", ".built"));
        }
        const { stdout, stderr } = await version();
        expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
        expect(stderr).toContain(BUILDS);
      },
      LONGEST_BUILD,
    );
  });
});
