import { fileURLToPath } from "node:url";
import { z } from "zod";
import { readJson } from "./json.js";

/** The package file is two levels up from both `src/common` and `dist/common`. */
const PACKAGE_FILE = new URL("../../package.json", import.meta.url);

/** The version of this package, for the provenance that datasets and runs record. */
export async function packageVersion(): Promise<string> {
  const { version } = await readJson(fileURLToPath(PACKAGE_FILE), z.object({ version: z.string() }), {
    tag: "internal",
    what: "does not tell the version",
    action: "Install the package again.",
  });
  return version;
}
