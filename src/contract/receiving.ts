import * as z from "zod/mini";
import { problemSchema } from "./problem.js";
import { list, whole } from "./values.js";

/** What of files that are dropped on the page is taken at most. */
export const receivingLimits = {
  files: 20_000,
  /** Bytes of one file. */
  fileBytes: 64 * 2 ** 30,
  /** Bytes of one request: large files come in pieces. */
  pieceBytes: 8 * 2 ** 20,
  /** Folders in each other. */
  depth: 8,
} as const;

const pathMessage = "is no name that a file can have on any system";
/** Where a file lies in what was dropped: its name, with its folders before it where a folder was dropped. */
const relativePath = z.string().check(
  z.maxLength(1000),
  z.refine((path) => {
    const parts = path.split("/");
    return parts.length <= receivingLimits.depth && parts.every(isName);
  }, pathMessage),
);

/** Whether a file or folder can have this name on any system. */
function isName(name: string): boolean {
  const hasSigns = [...name].some((sign) => sign < " " || '\\/:*?"<>|'.includes(sign));
  const isDevice = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name);
  return name !== "" && name.length <= 200 && !/^\.|[. ]$/.test(name) && !hasSigns && !isDevice;
}

/**
 * `POST /api/received`: what somebody is about to bring in. `PUT /api/received/:id/:index?offset=` takes the next piece
 * of a file, `POST …/:id/done` takes all in and tells what became of it ({@link takenSchema}), `DELETE …/:id` gives up.
 * Files are copied into the state directory, each drop into a folder of its own; nothing is written over.
 */
export const offerSchema = z.strictObject({
  files: z.readonly(
    z
      .array(
        z.strictObject({
          path: relativePath,
          bytes: whole(0, receivingLimits.fileBytes),
        }),
      )
      .check(z.minLength(1), z.maxLength(receivingLimits.files)),
  ),
});
export type ReceivingOffer = z.infer<typeof offerSchema>;

export const offeredSchema = z.object({ id: z.string() });

/**
 * `POST /api/registered`: adds a file or folder of the server where it lies. Its path begins in one of the workspace's
 * `folders`, or with the name of one; a whole path will do, too. The answer is {@link takenSchema}.
 */
export const namedPathSchema = z.strictObject({
  path: z.string().check(z.minLength(1), z.maxLength(4096), z.regex(/\S/)),
});

/** What became of a drop, or of what was named. */
export const takenSchema = z.object({
  slides: list(z.object({ id: z.string(), name: z.string() })),
  /** Annotation files, datasets, runs and results, in words. */
  others: list(z.string()),
  refused: list(problemSchema),
  /** What else is worth knowing. */
  notes: list(z.string()),
});
export type TakenIn = z.infer<typeof takenSchema>;
