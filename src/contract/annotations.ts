import type { Area } from "./geometry.js";
import type { Problem } from "./workspace.js";

/** Whether somebody has looked at an object: results of a run begin as `unreviewed`. */
export type ReviewState = "unreviewed" | "accepted" | "rejected";

/**
 * The class of an outline around what somebody has looked at completely (QuPath's own class for regions): what is not
 * marked in it is free of tumour. Nobody knows about the rest of a slide unless it is said to be free of tumour too.
 */
export const REVIEWED_CLASS = "Region*";

/** Where an object came from. */
export type AnnotationOrigin = "drawn" | "segmented" | "imported" | "result";

/** One annotation of a slide. */
export interface AnnotationObject {
  /** UUID, chosen by whoever makes it. */
  readonly id: string;
  readonly name: string;
  /** Class, such as `Tumor` or `Exclusion`; null for none. */
  readonly classification: string | null;
  readonly review: ReviewState;
  readonly origin: AnnotationOrigin;
  readonly area: Area;
}

/**
 * One change. An edit carries the whole new object, so that each change can be undone by its counterpart. Of the
 * changes of one edit no two may be of the same object.
 */
export type AnnotationChange =
  | { readonly type: "add"; readonly object: AnnotationObject }
  | { readonly type: "update"; readonly object: AnnotationObject }
  | { readonly type: "remove"; readonly id: string };

/** `GET /api/slides/:slide/annotations`. */
export interface AnnotationState {
  /** Counts saved edits from 0. */
  readonly revision: number;
  readonly objects: readonly AnnotationObject[];
  /** What undo and redo would do, in the user's words ("Draw Tumor"); null when there is nothing. */
  readonly undo: string | null;
  readonly redo: string | null;
}

/**
 * What a save changed, and nothing of the thousands of objects that stayed as they were. Whoever has another revision
 * than `since` asks for the {@link AnnotationState} instead.
 */
export interface AnnotationSave {
  /** The revision before the save. */
  readonly since: number;
  /** The revision after it: the same when there was nothing to change. */
  readonly revision: number;
  /** In the order they are drawn. */
  readonly added: readonly AddedObject[];
  readonly updated: readonly AnnotationObject[];
  /** Ids. */
  readonly removed: readonly string[];
  /** As in {@link AnnotationState}. */
  readonly undo: string | null;
  readonly redo: string | null;
}

/** An object that is new, or there again: undo puts what was removed back in its place. */
export interface AddedObject {
  readonly object: AnnotationObject;
  /** Id of the next object above it that was there before the save; null when there is none. */
  readonly below: string | null;
}

/**
 * `POST /api/slides/:slide/annotations`: one edit, saved (synced to disk) before it is answered. Answered with
 * {@link AnnotationSave}; with status 409 and {@link AnnotationConflict} when `revision` is not the current one.
 */
export interface AnnotationEdit {
  /** The revision that the edit was made on. */
  readonly revision: number;
  /** In the user's words, for undo. */
  readonly title: string;
  readonly changes: readonly AnnotationChange[];
}

/** `POST …/annotations/undo` and `…/annotations/redo`; answered as an edit is. */
export interface AnnotationStep {
  readonly revision: number;
}

/** Somebody else, or another tab, has saved meanwhile. */
export interface AnnotationConflict {
  readonly problem: Problem;
  readonly current: AnnotationState;
  /** What was saved since, in the users' words. */
  readonly since: readonly string[];
}

/**
 * `POST …/annotations/import?revision=N` with the file as body (QuPath GeoJSON, ASAP XML or Camelyon16 JSON; told
 * apart by content) is answered with this; an object with the id of one that is there takes its place.
 * `POST …/annotations/results?revision=N` brings the outlines of the slide's results in as `unreviewed` objects, those
 * that are there already excepted, and is answered the same. Both are one edit, and 409 as for edits.
 * `GET …/annotations/export?format=geojson|asap-xml` answers the file; rejected objects are left out.
 */
export interface AnnotationImport {
  readonly save: AnnotationSave;
  readonly added: number;
  readonly warnings: readonly string[];
}
