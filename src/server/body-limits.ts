import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { EpSamError } from "../common/index.js";
import { editLimits, receivingLimits } from "../contract/index.js";
import { problemResponse } from "./problem.js";

const MEBIBYTE = 2 ** 20;
const DEFAULT_LIMIT = 2 * MEBIBYTE;

/** Routes that take more: edits of detailed outlines, and files of annotations (see docs/formats.md for those). */
const LARGER: readonly (readonly [path: RegExp, bytes: number])[] = [
  [/^\/api\/slides\/[^/]+\/annotations$/, editLimits.bytes],
  [/^\/api\/slides\/[^/]+\/annotations\/import$/, 256 * MEBIBYTE],
  // Names of many files; then the files, piece by piece.
  [/^\/api\/received$/, 32 * MEBIBYTE],
  [/^\/api\/received\/[^/]+\/\d+$/, receivingLimits.pieceBytes],
];

/** Refuses bodies that are larger than a route has use for, by their announced length or while they arrive. */
export function limitBodies(): MiddlewareHandler {
  return (request, next) => {
    const { path } = request.req;
    const maxSize = LARGER.find(([pattern]) => pattern.test(path))?.[1] ?? DEFAULT_LIMIT;
    const onError = (): Response =>
      problemResponse(
        new EpSamError("too-large", {
          what: "the request is too large",
          why: `at most ${maxSize / MEBIBYTE} MiB are taken here`,
        }),
      );
    return bodyLimit({ maxSize, onError })(request, next);
  };
}
