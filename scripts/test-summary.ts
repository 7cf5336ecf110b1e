import { readFile } from "node:fs/promises";
import { z } from "zod";

// Adds up what Vitest's JSON reporter wrote, `tsx scripts/test-summary.ts FILE...`: the tests that were skipped with
// the reasons, and as the last line "N passed, N failed, N skipped". Ends with 1 if any failed or a file is not there.

const Results = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          meta: z.object({ absent: z.string().optional() }),
        }),
      ),
    }),
  ),
});

let passed = 0;
const failures: string[] = [];
/** Names of skipped tests by the reason. */
const skipped = new Map<string, string[]>();

for (const path of process.argv.slice(2)) await add(path);
for (const failure of failures) console.log(`Failed: ${failure}`);
let skips = 0;
for (const [reason, names] of skipped) {
  skips += names.length;
  console.log(`${names.length} skipped, ${reason}:`);
  for (const name of names) console.log(`  ${name}`);
}
console.log(`${passed} passed, ${failures.length} failed, ${skips} skipped`);
if (failures.length > 0) process.exitCode = 1;

async function add(path: string): Promise<void> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => String(cause));
  if (!text.startsWith("{")) {
    failures.push(`no tests ran: ${text}`);
    return;
  }
  const { success, testResults } = Results.parse(JSON.parse(text));
  const failedBefore = failures.length;
  for (const file of testResults) {
    const before = failures.length;
    for (const { fullName, status, meta } of file.assertionResults) {
      if (status === "passed") passed += 1;
      else if (status === "skipped" && meta.absent !== undefined) {
        skipped.set(meta.absent, [...(skipped.get(meta.absent) ?? []), fullName]);
      }
      // Whatever else did not pass, such as what a failed hook kept from running, counts as failed.
      else failures.push(`${fullName} (${status})`);
    }
    if (file.status !== "passed" && failures.length === before)
      failures.push(`${file.name}: ${file.message}`);
  }
  if (!success && failures.length === failedBefore) failures.push("something outside the tests; see above");
}
