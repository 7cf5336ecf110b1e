/**
 * The process that the system's OpenSlide runs in, so that a crash there is an error here and not the end.
 */
import { answerParent } from "../../common/index.js";
import { LibrarySlide, loadLibrary } from "./library.js";
import {
  type NotOpened,
  type OpenSlideDescription,
  type OpenSlideQuestion,
  type PixelBlock,
  questionSchema,
} from "./protocol.js";

let slide: LibrarySlide | null = null;

async function answer(question: OpenSlideQuestion): Promise<OpenSlideDescription | NotOpened | PixelBlock> {
  if (question.kind === "open") return openSlide(question.path, question.libraries);
  if (slide === null) throw new Error("no slide is open");
  if (question.kind === "associated") return slide.readAssociated(question.name);
  const { level, x, y, width, height } = question;
  return slide.readRegion(level, x, y, width, height);
}

function openSlide(path: string, libraries: readonly string[]): OpenSlideDescription | NotOpened {
  const library = loadLibrary(libraries);
  if ("reasons" in library) return { notOpened: "not installed", reason: library.reasons };
  const opened = LibrarySlide.open(library.functions, path);
  if (!(opened instanceof LibrarySlide)) return opened;
  slide = opened;
  return opened.describe();
}

answerParent(questionSchema, answer);
