import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import type { Annotation, TumourRegion } from "../../annotations/index.js";
import { answerParent, isEpSamError } from "../../common/index.js";
import { outlineDoubts } from "../../dataset/index.js";
import { openSlide } from "../../slides/index.js";
import { importQuestion, parseImport, withDoubts } from "./read-import.js";

/** Coordinates, and annotations, that are handed over at once: what is taken over in some milliseconds. */
const MOST = { coordinates: 100_000, annotations: 500 } as const;

// Whoever looks at slides meanwhile goes first.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

let annotations: readonly Annotation[] = [];

/** The process behind `readImport`: reads a file, and hands over its annotations some at a time. */
answerParent(importQuestion, async (question) => {
  if ("from" in question) return someFrom(question.from);
  const { file, place } = question;
  const set = await withDoubts(parseImport(await readFile(file), place), (outlines) =>
    doubtsOf(place.path, outlines),
  );
  annotations = set.annotations;
  return { ...set, annotations: [] };
});

async function doubtsOf(path: string, outlines: TumourRegion): Promise<string[]> {
  const slide = await openSlide(path).catch((failure: unknown) => {
    // Outlines are taken over without pixels, too.
    if (isEpSamError(failure, "slide")) return null;
    throw failure;
  });
  try {
    return slide === null ? [] : await outlineDoubts(slide, outlines);
  } finally {
    await slide?.close();
  }
}

function someFrom(from: number): readonly Annotation[] {
  let coordinates = 0;
  let end = from;
  while (end < annotations.length && end - from < MOST.annotations && coordinates < MOST.coordinates) {
    for (const { outer, holes } of annotations[end]?.polygons ?? []) {
      for (const ring of [outer, ...holes]) coordinates += ring.coordinates.length;
    }
    for (const line of annotations[end]?.lines ?? []) coordinates += line.coordinates.length;
    end += 1;
  }
  return annotations.slice(from, end);
}
