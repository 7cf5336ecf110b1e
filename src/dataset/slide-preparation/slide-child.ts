/**
 * The process for a slide over which the program has ended before, see `inOwnProcess()`.
 */
import { openSlide } from "../../slides/index.js";
import { answerSlideWork } from "./slide-work.js";

answerSlideWork((path) => openSlide(path));
