import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { describeWith } from "./requirements.js";

/** Debian's browser, or the one that `EPSAM_CHROMIUM` names. */
const EXECUTABLE = process.env.EPSAM_CHROMIUM ?? "/usr/bin/chromium";

/** `describe`, skipped by a name that says so where there is no Chromium. */
export function describeWithChromium(name: string, body: () => void): void {
  const absent = existsSync(EXECUTABLE) ? undefined : `no Chromium at ${EXECUTABLE}; apt install chromium`;
  describeWith("chromium", absent, name, body);
}

/** Starts Chromium without a screen; without its sandbox, which root in a container cannot have. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      ...["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars"],
      // Pages of a context share a process, and so what is compiled in it.
      "--renderer-process-limit=1",
    ],
  });
}
