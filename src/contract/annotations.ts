import * as z from "zod/mini";
import { areaSchema } from "./geometry.js";
import { problemSchema } from "./problem.js";
import { list } from "./values.js";

/** What one object and one edit may hold; far beyond what people draw. */
export const editLimits = {
  /** Polygons of one object, and rings of one polygon. */
  parts: 20_000,
  /** Changes of one edit, and bytes of the request that carries them. */
  changes: 50_000,
  bytes: 32 * 2 ** 20,
  /** No slide is this wide. */
  coordinate: 2 ** 26,
  /** Positions of one line, or points of one object. */
  positions: 20_000,
  /** Characters of names, classes and titles. */
  text: 200,
  /** Characters of a comment. */
  comment: 2000,
} as const;
const { coordinate, parts, positions, text, changes } = editLimits;

/** Whether somebody has looked at an object: results of a run begin as `unreviewed`. */
const reviewState = z.enum(["unreviewed", "accepted", "rejected"]);
export type ReviewState = z.infer<typeof reviewState>;

/**
 * The class of an outline around what somebody has looked at completely (QuPath's own class for regions): what is not
 * marked in it is free of tumour. Nobody knows about the rest of a slide unless it is said to be free of tumour too.
 */
export const REVIEWED_CLASS = "Region*";

/**
 * The class of measurements: how long or large something is, whatever it is. It says nothing to training, and no line of
 * it is a forgotten outline. The star is QuPath's own sign for classes that are not of tissue.
 */
export const MEASUREMENT_CLASS = "Measurement*";

/** The classes of squares that a model is taught with; they say nothing to training with outlines. */
export const SQUARE_CLASSES = { tumour: "Tumor square*", other: "Other square*" } as const;

/**
 * What a class that somebody has made means to training, as groups of annotation files do: tumour, no tumour, or that
 * nothing is to be learnt there, tumour or not.
 */
export const classMeaningSchema = z.enum(["tumour", "exclusion", "unknown"]);
export type ClassMeaning = z.infer<typeof classMeaningSchema>;

/** Where an object came from. */
const annotationOrigin = z.enum(["drawn", "segmented", "imported", "result"]);
export type AnnotationOrigin = z.infer<typeof annotationOrigin>;

const number = z.number().check(z.gte(-coordinate), z.lte(coordinate));
const position = z.readonly(z.tuple([number, number]));
const ring = list(position).check(
  z.minLength(4),
  z.refine((positions) => isClosed(positions), "must be closed: the last position equal to the first"),
);

function isClosed(positions: readonly (readonly [number, number])[]): boolean {
  const [first, last] = [positions[0], positions.at(-1)];
  return first !== undefined && last !== undefined && first[0] === last[0] && first[1] === last[1];
}

/** An area as it is drawn: with limits, every ring closed. */
const drawnArea = z.strictObject({
  type: z.literal("MultiPolygon"),
  coordinates: list(list(ring).check(z.minLength(1), z.maxLength(parts))).check(z.maxLength(parts)),
});

/** What is drawn and has no area, in the shapes of GeoJSON: a line of two positions or more, or points. */
const markSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("LineString"),
    coordinates: list(position).check(z.minLength(2), z.maxLength(positions)),
  }),
  z.strictObject({
    type: z.literal("MultiPoint"),
    coordinates: list(position).check(z.minLength(1), z.maxLength(positions)),
  }),
]);
export type Mark = z.infer<typeof markSchema>;

/** UUIDs as they are written everywhere else, so that one object has one id. */
const id = z.uuid().check(z.refine((value) => value === value.toLowerCase(), "must be in lower case"));
const label = z.string().check(
  z.maxLength(text),
  z.refine((value) => !/\p{Cc}/u.test(value), "must not hold control characters"),
);
const filled = label.check(z.refine((value) => value.trim() !== "", "must not be empty"));
/** Of several lines where somebody likes. */
const comment = z.string().check(
  z.maxLength(editLimits.comment),
  z.refine((value) => value.trim() !== "", "must not be empty"),
  z.refine((value) => !/[^\P{Cc}\n]/u.test(value), "must not hold control characters but line feeds"),
);

/** A colour of the page, `#rrggbb`. */
const classColour = z.string().check(z.regex(/^#[\da-f]{6}$/, "must be a colour such as #d55e00"));
/** The number key that chooses a class; of two that had the same, the one that got it last. */
const classKey = z.nullable(z.int().check(z.gte(1), z.lte(9)));

/**
 * `PUT /api/classes`: chooses what a class means, its colour or its key, and leaves alone what is not named; answered with
 * its {@link ClassEntry}. A class whose meaning is not known needs one first.
 */
export const classChoiceSchema = z.strictObject({
  name: filled,
  meaning: z.optional(classMeaningSchema),
  colour: z.optional(classColour),
  key: z.optional(classKey),
});
export type ClassChoice = z.infer<typeof classChoiceSchema>;

/**
 * `POST /api/classes/rename`: gives another name to a class, in every slide's annotations; one edit in each, which can be
 * undone there. A name that is there already must mean the same: both classes are one then. Answered with
 * {@link ClassRenamed}.
 */
export const classRenameSchema = z.strictObject({ from: filled, to: filled, author: z.optional(filled) });
export type ClassRename = z.infer<typeof classRenameSchema>;
/** How many annotations were renamed, on how many slides. */
export const classRenamedSchema = z.object({ slides: z.number(), objects: z.number() });
export type ClassRenamed = z.infer<typeof classRenamedSchema>;

/**
 * `POST /api/classes/remove`: forgets what a class means, its colour and its key. One that annotations have cannot go.
 * Answered with the classes that are left.
 */
export const classRemovalSchema = z.strictObject({ name: filled });

/** A class of which anything is known. `GET /api/classes` lists them. */
export const classEntrySchema = z.object({
  name: z.string(),
  /** Null while nobody has chosen one: an imported file has given it a colour. */
  meaning: z.nullable(z.enum([...classMeaningSchema.options, "ignored", "reviewed", "left-out"])),
  /** Whether it means the same everywhere, and is not for anybody to choose. */
  isFixed: z.boolean(),
  /** Where somebody has chosen one. */
  colour: z.optional(z.string()),
  /** Where somebody has chosen one; null for none. */
  key: z.optional(z.nullable(z.number())),
});
export type ClassEntry = z.infer<typeof classEntrySchema>;
export const classesSchema = list(classEntrySchema);

/** One annotation of a slide. */
export const annotationObjectSchema = z
  .strictObject({
    /** UUID, chosen by whoever makes it. */
    id,
    name: label,
    /** Class, such as `Tumor` or `Exclusion`; null for none. */
    classification: z.nullable(filled),
    review: reviewState,
    origin: annotationOrigin,
    /** Empty for what has a `mark` instead. */
    area: drawnArea,
    mark: z.optional(markSchema),
    comment: z.optional(comment),
    /** Who made it, or changed it last, as far as that person has given a name. */
    author: z.optional(filled),
  })
  .check(
    z.refine(
      ({ area, mark }) => (area.coordinates.length === 0) === (mark !== undefined),
      "must have either an area or a mark",
    ),
  );
export type AnnotationObject = z.infer<typeof annotationObjectSchema>;

/** As the server answers it: what it has saved it has checked, vertex by vertex. */
export const savedObject = z.object({ ...annotationObjectSchema.shape, area: areaSchema });

/**
 * One change. An edit carries the whole new object, so that each change can be undone by its counterpart. Of the
 * changes of one edit no two may be of the same object.
 */
export const annotationChangeSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("add"), object: annotationObjectSchema }),
  z.strictObject({ type: z.literal("update"), object: annotationObjectSchema }),
  z.strictObject({ type: z.literal("remove"), id }),
]);
export type AnnotationChange = z.infer<typeof annotationChangeSchema>;

/**
 * What somebody says of an object that is there, its outline left alone: thousands of these fit into one edit. The
 * server makes an update of it; what is left out stays as it is.
 */
const judgementSchema = z.strictObject({
  type: z.literal("judge"),
  id,
  review: z.optional(reviewState),
  classification: z.optional(z.nullable(filled)),
  /** Who says so; nobody who has given a name when it is left out. */
  author: z.optional(filled),
});
export type Judgement = z.infer<typeof judgementSchema>;

/** An object with what a judgement says of it. */
export function judged(
  { author: _, ...object }: AnnotationObject,
  { review = object.review, classification = object.classification, author }: Judgement,
): AnnotationObject {
  return { ...object, review, classification, ...(author === undefined ? {} : { author }) };
}

/** What an edit is made of. */
export const editChangeSchema = z.discriminatedUnion("type", [annotationChangeSchema, judgementSchema]);
export type EditChange = z.infer<typeof editChangeSchema>;

/** Counts saved edits from 0. */
const revision = z.int().check(z.gte(0));
/** What undo and redo would do, in the user's words ("Draw Tumor"); null when there is nothing. */
const steps = { undo: z.nullable(z.string()), redo: z.nullable(z.string()) };

/** `GET /api/slides/:slide/annotations`. */
export const annotationStateSchema = z.object({ revision, objects: list(savedObject), ...steps });
export type AnnotationState = z.infer<typeof annotationStateSchema>;

/** An object that is new, or there again: undo puts what was removed back in its place. */
const addedObject = z.object({
  object: savedObject,
  /** Id of the next object above it that was there before the save; null when there is none. */
  below: z.nullable(z.string()),
});
export type AddedObject = z.infer<typeof addedObject>;

/**
 * What a save changed, and nothing of the thousands of objects that stayed as they were. Whoever has another revision
 * than `since` asks for the {@link AnnotationState} instead.
 */
export const annotationSaveSchema = z.object({
  /** The revision before the save. */
  since: revision,
  /** The revision after it: the same when there was nothing to change. */
  revision,
  /** In the order they are drawn. */
  added: list(addedObject),
  updated: list(savedObject),
  /** Ids. */
  removed: list(z.string()),
  ...steps,
});
export type AnnotationSave = z.infer<typeof annotationSaveSchema>;

/**
 * `POST /api/slides/:slide/annotations`: one edit, saved (synced to disk) before it is answered. Answered with
 * {@link AnnotationSave}; with status 409 and {@link AnnotationConflict} when `revision` is not the current one.
 */
export const annotationEditSchema = z.strictObject({
  /** The revision that the edit was made on. */
  revision,
  /** In the user's words, for undo. */
  title: filled,
  /** Who made it; kept with it. */
  author: z.optional(filled),
  changes: list(editChangeSchema).check(z.minLength(1), z.maxLength(changes)),
});
export type AnnotationEdit = z.infer<typeof annotationEditSchema>;

/** `POST …/annotations/undo` and `…/annotations/redo`; answered as an edit is. */
export const annotationStepSchema = z.strictObject({ revision, author: z.optional(filled) });
export type AnnotationStep = z.infer<typeof annotationStepSchema>;

/** Somebody else, or another tab, has saved meanwhile. */
export const annotationConflictSchema = z.object({
  problem: problemSchema,
  current: annotationStateSchema,
  /** What was saved since, in the users' words. */
  since: list(z.string()),
});
export type AnnotationConflict = z.infer<typeof annotationConflictSchema>;

/** Of `…/annotations/import` and `…/annotations/results`. */
export const importQuery = z.object({
  revision: z.coerce.number().check(z.int(), z.gte(0)),
  author: z.optional(filled),
});
export const exportQuery = z.object({ format: z.enum(["geojson", "asap-xml"]) });

/**
 * `POST …/annotations/import?revision=N&author=NAME` with the file as body (QuPath GeoJSON, ASAP XML or Camelyon16 JSON; told
 * apart by content) is answered with this; an object with the id of one that is there takes its place.
 * `POST …/annotations/results?revision=N&author=NAME` brings the outlines of the slide's results in as `unreviewed` objects, those
 * that are there already excepted, and is answered the same. Both are one edit, and 409 as for edits.
 * `GET …/annotations/export?format=geojson|asap-xml` answers the file; rejected objects are left out.
 */
export const annotationImportSchema = z.object({
  save: annotationSaveSchema,
  added: z.number(),
  warnings: list(z.string()),
});
export type AnnotationImport = z.infer<typeof annotationImportSchema>;
