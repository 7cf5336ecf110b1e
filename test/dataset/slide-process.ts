/** The process of a slide in tests: the slides of `prepare-slides.test.ts`, and such that end their process. */
import { existsSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { answerSlideWork } from "../../src/dataset/slide-preparation/slide-work.js";
import { memorySlide } from "../support/memory-slide.js";
import { pinkOf } from "./slide-pixels.js";

answerSlideWork(async (path) => {
  const name = basename(path);
  const tried = `${path}.tried`;
  const isFirst = !existsSync(tried);
  writeFileSync(tried, "");
  if (name.startsWith("crash") || (name.startsWith("once") && isFirst)) process.kill(process.pid, "SIGSEGV");
  return memorySlide(name, 256, 192, pinkOf(name));
});
