import { readFile } from "node:fs/promises";
import { z } from "zod";
import { answerParent } from "../../common/index.js";
import { parseImport } from "./read-import.js";

/** The process behind `readImport`: from the path of a file to its annotations. */
answerParent(z.string(), async (file) => parseImport(await readFile(file)));
