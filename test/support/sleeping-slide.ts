/** Stands for the process in which a worker works on slides: sleeps as long as the slide's name says, then makes its file. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { answerParent } from "../../src/common/index.js";

const file = z.object({ stem: z.string() });
const schema = z.object({ job: z.object({ work: z.object({ directory: z.string(), file }) }) });

answerParent(schema, async ({ job: { work } }) => {
  const milliseconds = Number(work.file.stem.split("-")[1]);
  await setTimeout(milliseconds);
  await writeFile(join(work.directory, work.file.stem), "");
  return { seconds: milliseconds / 1000 };
});
