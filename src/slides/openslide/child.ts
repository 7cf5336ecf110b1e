/**
 * The process that the system's OpenSlide runs in, so that a crash there is an error here and not the end. It
 * answers requests over Node's channel to its parent and ends when that closes.
 */
import { messageOf } from "../../common/index.js";
import { LibrarySlide, loadLibrary } from "./library.js";
import type {
  NotOpened,
  OpenSlideDescription,
  OpenSlideQuestion,
  OpenSlideReply,
  PixelBlock,
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

function isRequest(message: unknown): message is { id: number; question: OpenSlideQuestion } {
  return typeof message === "object" && message !== null && "id" in message && "question" in message;
}

async function reply(message: unknown): Promise<void> {
  if (!isRequest(message)) return;
  const { id, question } = message;
  const result: OpenSlideReply = await answer(question).then(
    (value) => ({ id, answer: value }),
    (failure: unknown) => ({ id, failure: messageOf(failure) }),
  );
  process.send?.(result);
}

process.on("message", (message) => void reply(message));
process.on("disconnect", () => process.exit(0));
