import { expect, it } from "vitest";
import { silentReporter } from "../../src/common/index.js";
import { runJobCommand } from "../../src/server/jobs/job-process.js";

/** Prints what it was started with. */
const SCRIPT =
  "process.stdout.write(JSON.stringify({ args: process.argv.slice(1), queue: process.env.EPSAM_QUEUE ?? null }))";

it("commands that work on slides are sent to the queue, whose address no list of processes shows", async () => {
  const outcomeOf = async (name: string) => {
    const end = await runJobCommand([name, "slide.tif"], {
      command: { program: process.execPath, args: ["-e", SCRIPT, "--"] },
      reporter: silentReporter,
      signal: new AbortController().signal,
      queue: "redis://user:secret@head",
    });
    return end.type === "done" ? end.outcome : end;
  };
  const queue = "redis://user:secret@head";
  expect(await outcomeOf("infer")).toEqual({ args: ["infer", "slide.tif", "--queue"], queue });
  expect(await outcomeOf("prepare")).toEqual({ args: ["prepare", "slide.tif", "--queue"], queue });
  expect(await outcomeOf("train")).toEqual({ args: ["train", "slide.tif"], queue: null });
});
