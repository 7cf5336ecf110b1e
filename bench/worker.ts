import { createInterface } from "node:readline";
import { device, deviceNames } from "../src/graph/index.js";
import { encoderSections } from "./encoder-sections.js";
import { memorySection } from "./memory-sections.js";
import { peakBytes } from "./peak-memory.js";
import { memorySections, sections, tinySections } from "./sections.js";

// Does one section's work on command. Reads "step" and "memory", a line each, and answers with a line of JSON.

const [name = "", threads = "2", deviceName = "cpu"] = process.argv.slice(2);
const section =
  sections[name] ??
  tinySections[name] ??
  memorySections[name] ??
  encoderSections[name] ??
  memorySection(name);
if (section === undefined) throw new RangeError(`no section is called ${name}`);

const answer = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
const step = await section.prepare(
  device(
    deviceNames.find((known) => known === deviceName),
    Number(threads),
  ),
);
answer({ ready: true });
for await (const command of createInterface({ input: process.stdin })) {
  if (command === "memory") {
    answer({ peakBytes: await peakBytes() });
    continue;
  }
  const [start, used] = [performance.now(), process.cpuUsage()];
  await step();
  const { user, system } = process.cpuUsage(used);
  answer({ seconds: (performance.now() - start) / 1000, coreSeconds: (user + system) / 1e6 });
}
process.exit();
