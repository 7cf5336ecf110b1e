import { readFile } from "node:fs/promises";
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { EpSamError, messageOf } from "./errors.js";
import { isRecord } from "./json.js";

/** A YAML or JSON file of keys and values. */
export interface KeysFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** The line of a key, or of the innermost key around it that the file has; null when it has none of them. */
  lineOf(keys: readonly PropertyKey[]): number | null;
}

/**
 * Reads keys and values from a YAML or JSON file; an empty file has none.
 * @param help says where the form is shown, for messages
 * @throws EpSamError `configuration` when the file cannot be read or is not a mapping
 */
export async function readKeysFile(path: string, help: string): Promise<KeysFile> {
  const lines = new LineCounter();
  const document = parseDocument(await textOf(path), { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) throw unreadable(path, error);
  const content = evaluated(path, () => document.toJS()) ?? {};
  if (!isRecord(content)) {
    const what = "does not hold keys and values";
    throw new EpSamError("configuration", { what, where: path, action: help });
  }
  const lineOf = (keys: readonly PropertyKey[]): number | null => {
    const offset = offsetOf(document.contents, keys);
    return offset === null ? null : lines.linePos(offset).line;
  };
  return { path, content, lineOf };
}

/**
 * What is wrong with values, each with its full key, and its line where they come from a file: `line 3,
 * classifier.epochs: …`.
 */
export function describeIssues(issues: readonly z.core.$ZodIssue[], file?: Pick<KeysFile, "lineOf">): string {
  const described = (path: readonly PropertyKey[], message: string): string => {
    const line = file?.lineOf(path) ?? null;
    return `${line === null ? "" : `line ${line}, `}${path.map(String).join(".") || "top level"}: ${message}`;
  };
  return issues
    .flatMap((issue) => {
      if (issue.code === "unrecognized_keys") {
        return issue.keys.map((key) => described([...issue.path, key], "is not a known key"));
      }
      // Of the alternatives null and a value, the message of the value says what is allowed.
      const alternative = issue.code === "invalid_union" ? issue.errors.at(-1)?.[0] : undefined;
      return [described(issue.path, alternative?.message ?? issue.message)];
    })
    .join("; ");
}

/** An alias may refer to too much. */
function evaluated(path: string, read: () => unknown): unknown {
  try {
    return read();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): EpSamError {
  return new EpSamError(
    "configuration",
    { what: "cannot be read", where: path, why: messageOf(cause), action: "Give a YAML or JSON file." },
    { cause },
  );
}

/** Where in the text the innermost known key begins. */
function offsetOf(node: unknown, [key, ...deeper]: readonly PropertyKey[]): number | null {
  if (key === undefined || !isMap(node)) return null;
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
  if (pair === undefined || !isScalar(pair.key)) return null;
  const value = pair.value;
  const inside = isMap(value) ? offsetOf(value, deeper) : null;
  return inside ?? pair.key.range?.[0] ?? null;
}
