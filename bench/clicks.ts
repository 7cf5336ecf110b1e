import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Command } from "@commander-js/extra-typings";
import { type Browser, chromium } from "playwright-core";
import { wholeNumber } from "../src/cli/options.js";
import { type ClickTimes, timeClicks } from "./clicks/page.js";
import { type TeachTimes, timeTeaching } from "./clicks/teach.js";
import { describeMachine, isBusy } from "./machine.js";
import { generatedSlide } from "./slides/generated-slide.js";

// How long a click in the web application takes to be answered by a mask on the screen: the first one, for which the
// server starts the models and embeds a patch, and further ones, which the browser decodes. SAM is the embedded one. Or
// how long the first map takes that squares teach, clicked without pause and once a second.

const options = new Command("bench:clicks")
  .description("Times segmenting with clicks in `epsam view`, in Chromium without a screen.")
  .option("--slide <file>", "slide to click on (default: a generated one)")
  .option("--clicks <count>", "further clicks, in segmentations of up to five", wholeNumber(1), 20)
  .option("--teach", "times teaching with squares instead")
  .option("--chromium <file>", "browser", "/usr/bin/chromium")
  .option("--json", "print one JSON document")
  .parse()
  .opts();

const machine = await describeMachine();
const slide = options.slide ?? (await generatedSlide(4096, 256));
const build = spawn(process.execPath, [
  fileURLToPath(new URL("../scripts/build.mjs", import.meta.url)),
  "--if-needed",
]);
const [status] = await once(build, "exit");
if (status !== 0) throw new Error(`scripts/build.mjs ended with ${status}`);
if (options.teach === true) {
  const times: TeachTimes[] = [];
  for (const pause of [0, 1000])
    times.push(await served((browser, address) => timeTeaching(browser, address, pause)));
  printTeaching(times);
} else print(await served((browser, address) => timeClicks(browser, address, options.clicks)));

/** Starts the web application and a browser for one measurement. */
async function served<Times>(measure: (browser: Browser, address: string) => Promise<Times>): Promise<Times> {
  const state = await mkdtemp(join(tmpdir(), "epsam-clicks-"));
  const command = [builtMain(), "view", slide, "--state", state, "--port", "0", "--json"];
  const view = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const browser = await chromium.launch({
      executablePath: options.chromium,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    try {
      return await measure(browser, await addressOf(view.stdout));
    } finally {
      await browser.close();
    }
  } finally {
    view.kill();
    await once(view, "exit");
    await rm(state, { recursive: true });
  }
}

/** As it is built: a loader of TypeScript would take the first click seconds. */
function builtMain(): string {
  return fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
}

async function addressOf(output: Readable): Promise<string> {
  let text = "";
  for await (const line of createInterface({ input: output })) {
    text += line;
    if (line === "}" || (line.startsWith("{") && line.endsWith("}"))) break;
  }
  const { address }: { address: string } = JSON.parse(text);
  return address;
}

function heading(): string {
  const busy = isBusy(machine) ? `; busy, load ${machine.load.toFixed(1)}` : "";
  return `${machine.processor}, ${machine.cores} cores, Node ${machine.node}${busy}`;
}

function printTeaching(times: readonly TeachTimes[]): void {
  if (options.json === true) {
    console.log(JSON.stringify({ machine, times }, null, 2));
    return;
  }
  console.log(heading());
  for (const { pause, draft, map } of times) {
    const how = pause === 0 ? "without pause" : `every ${pause} ms`;
    console.log(`five squares ${how}: draft after ${draft.toFixed(0)} ms, map after ${map.toFixed(0)} ms`);
  }
}

function print(times: ClickTimes): void {
  if (options.json === true) {
    console.log(JSON.stringify({ machine, ...times }, null, 2));
    return;
  }
  console.log(heading());
  console.log(`decoded by ${times.engine}, ${times.threads} threads at most`);
  console.log(`first click: ${times.first.toFixed(0)} ms, from the click to its mask on the screen`);
  for (const [what, list] of [
    ["further clicks", times.further],
    ["  decoding and outlining of it", times.decoding],
  ] as const) {
    const range = `median ${quantile(list, 0.5)} ms, p95 ${quantile(list, 0.95)} ms`;
    console.log(`${what}: ${range} (${list.length}; ${quantile(list, 0)} to ${quantile(list, 1)} ms)`);
  }
}

function quantile(list: readonly number[], share: number): string {
  const sorted = [...list].sort((one, other) => one - other);
  return (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(0);
}
