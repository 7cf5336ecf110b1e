/**
 * Stands for `epsam infer` in tests of jobs, without its start-up: the name of the slide says what it does. `work-N`
 * takes a moment for each of N steps, keeps what it has done in --out and goes on from there, as the command does.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const STEP_MILLISECONDS = 40;
const args = process.argv.slice(2);
const [mode = "", count = "1"] = basename(args[1] ?? "", ".tif").split("-");
const out = args[args.indexOf("--out") + 1] ?? "";
const tell = (message) => process.send?.(message);
let isStopped = false;
process.on("SIGTERM", () => {
  isStopped = mode !== "stubborn";
});
process.once("disconnect", () => process.exit(143));
process.channel?.unref();

async function work(total) {
  mkdirSync(out, { recursive: true });
  const file = join(out, "done.txt");
  let done = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  tell({ type: "note", text: done === 0 ? `begins in ${out}` : `goes on after ${done}` });
  while (done < total && !isStopped) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MILLISECONDS));
    done += 1;
    writeFileSync(file, String(done));
    tell({ type: "progress", event: { task: "working", done, total } });
  }
  if (isStopped) process.exitCode = 143;
  else process.stdout.write(JSON.stringify({ done }));
}

if (mode === "fail") {
  const error = {
    tag: "dataset",
    what: "has no patches",
    where: "/data/set",
    why: null,
    action: "Add some.",
  };
  process.stdout.write(JSON.stringify({ error }));
  process.exitCode = 1;
} else if (mode === "crash") {
  process.stderr.write("out of luck\n");
  process.kill(process.pid, "SIGKILL");
} else await work(Number(count));
