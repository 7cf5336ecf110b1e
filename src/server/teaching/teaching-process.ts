import { moduleBeside } from "../../common/index.js";
import { ModelProcess } from "../model-process.js";
import { type TeachingResults, type TeachingWork, teachingResults } from "./work.js";

/** Work that nobody waits for any longer ends by itself: it is short, and the process keeps features that are not. */
const GRACE_MILLISECONDS = 120_000;

/** Whoever clicks waits for the lesson, then for the map; what nobody has asked for yet comes last. */
const RANKS: Readonly<Record<TeachingWork["kind"], number>> = {
  frame: 0,
  teach: 0,
  map: 1,
  suggest: 2,
  "prepare-squares": 3,
  prepare: 3,
};

/** The process that teaches with squares, see {@link ModelProcess}. */
export class TeachingProcess extends ModelProcess<TeachingWork, TeachingResults> {
  constructor() {
    super(moduleBeside(import.meta.url, "./teaching-main"), "teaches", teachingResults, {
      graceMilliseconds: GRACE_MILLISECONDS,
      rankOf: ({ kind }) => RANKS[kind],
    });
  }
}
