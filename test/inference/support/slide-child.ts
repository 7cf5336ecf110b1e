import { segmentSlide } from "../../../src/inference/slides/segment-slide.js";
import { colourfulSlide, layoutOf, stubSegmenter } from "./stub-slide.js";

/** Segments the made-up slide slowly, a line on standard output for every patch, until it is killed. */
const [, , workDirectory = "", width = "0", height = "0"] = process.argv;
const source = colourfulSlide(Number(width), Number(height));
const pause = () => new Promise<void>((resume) => setTimeout(resume, 20));
await segmentSlide(stubSegmenter(pause), source, {
  name: "made-up",
  layout: layoutOf(source),
  tissue: null,
  workDirectory,
  identity: "test",
  onPatch: (done) => process.stdout.write(`${done}\n`),
});
