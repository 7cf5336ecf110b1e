import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Command } from "@commander-js/extra-typings";
import { chromium } from "playwright-core";
import { buildWeb } from "../scripts/build-web.js";
import { wholeNumber } from "../src/cli/options.js";
import { type ClickTimes, timeClicks } from "./clicks/page.js";
import { describeMachine, isBusy } from "./machine.js";
import { generatedSlide } from "./slides/generated-slide.js";

// How long a click in the web application takes to be answered by a mask on the screen: the first one, for which the
// server starts the models and embeds a patch, and further ones, which the browser decodes. SAM is the embedded one.

const options = new Command("bench:clicks")
  .description("Times segmenting with clicks in `epsam view`, in Chromium without a screen.")
  .option("--slide <file>", "slide to click on (default: a generated one)")
  .option("--clicks <count>", "further clicks, in segmentations of up to five", wholeNumber(1), 20)
  .option("--chromium <file>", "browser", "/usr/bin/chromium")
  .option("--json", "print one JSON document")
  .parse()
  .opts();

const machine = await describeMachine();
const slide = options.slide ?? (await generatedSlide(4096, 256));
await buildWeb();
const state = await mkdtemp(join(tmpdir(), "epsam-clicks-"));
const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const command = [main, "view", slide, "--state", state, "--port", "0", "--json"];
const view = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), ...command], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const browser = await chromium.launch({
    executablePath: options.chromium,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    print(await timeClicks(browser, await addressOf(), options.clicks));
  } finally {
    await browser.close();
  }
} finally {
  view.kill();
  await once(view, "exit");
  await rm(state, { recursive: true });
}

async function addressOf(): Promise<string> {
  let text = "";
  for await (const line of createInterface({ input: view.stdout })) {
    text += line;
    if (line === "}" || (line.startsWith("{") && line.endsWith("}"))) break;
  }
  const { address }: { address: string } = JSON.parse(text);
  return address;
}

function print(times: ClickTimes): void {
  if (options.json === true) {
    console.log(JSON.stringify({ machine, ...times }, null, 2));
    return;
  }
  const busy = isBusy(machine) ? `; busy, load ${machine.load.toFixed(1)}` : "";
  console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}${busy}`);
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
