import { readFile } from "node:fs/promises";
import { z } from "zod";

/** The package file is two levels up from both `src/common` and `dist/common`. */
const PACKAGE_FILE = new URL("../../package.json", import.meta.url);

/** The version of this package, for the provenance that datasets and runs record. */
export async function packageVersion(): Promise<string> {
  const content: unknown = JSON.parse(await readFile(PACKAGE_FILE, "utf8"));
  return z.object({ version: z.string() }).parse(content).version;
}
