/** As `slide-process.ts`, when no slide ends its process any more. */
import { basename } from "node:path";
import { answerSlideWork } from "../../src/dataset/slide-preparation/slide-work.js";
import { memorySlide } from "../support/memory-slide.js";
import { pinkOf } from "./slide-pixels.js";

answerSlideWork(async (path) => memorySlide(basename(path), 256, 192, pinkOf(path)));
