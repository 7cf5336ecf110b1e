import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

/** A directory for the files of one test file, gone afterwards. */
export function temporaryDirectory(): {
  path(name: string): string;
  write(name: string, data: Uint8Array | string): Promise<string>;
  /** A new empty folder in it. */
  folder(): Promise<string>;
} {
  let directory = "";
  let folders = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "epsam-test-"));
  });
  afterAll(() => rm(directory, { recursive: true }));
  return {
    path: (name) => join(directory, name),
    async write(name, data) {
      await writeFile(join(directory, name), data);
      return join(directory, name);
    },
    async folder() {
      folders += 1;
      const path = join(directory, `folder-${folders}`);
      await mkdir(path);
      return path;
    },
  };
}
