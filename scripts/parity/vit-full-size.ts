import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Argument, Command } from "@commander-js/extra-typings";
import { z } from "zod";
import { device } from "../../src/graph/index.js";
import { VitModel, vitArchitectures, vitVariants } from "../../src/models/index.js";
import { deterministicImage, deterministicVit } from "./vit-weights.js";

// Runs SAM's image encoder at full size on deterministic weights and compares it with PyTorch's values in
// test/models/vit-fixtures.json (make-vit-fixtures.py VARIANT). Exit code 1 when they differ by more than 1e-3.

const TOLERANCE = 1e-3;
const command = new Command()
  .addArgument(new Argument("<variant>", "size of the encoder").choices(vitVariants))
  .parse();
const [variant] = command.processedArgs;

const summary = z.object({ l2: z.number(), indices: z.array(z.int()), values: z.array(z.number()) });
const file = fileURLToPath(new URL("../../test/models/vit-fixtures.json", import.meta.url));
const { full } = z
  .object({ full: z.record(z.string(), summary) })
  .parse(JSON.parse(await readFile(file, "utf8")));
const expected = full[variant];
if (expected === undefined) throw new RangeError(`make the values first: make-vit-fixtures.py ${variant}`);

const architecture = vitArchitectures[variant];
const model = await VitModel.create(architecture, deterministicVit(architecture), device("cpu"));
const embedding = await model.run(deterministicImage(variant, architecture));
await model.close();

const differences = expected.indices.map((position, index) =>
  Math.abs((embedding[position] ?? Number.NaN) - (expected.values[index] ?? Number.NaN)),
);
const norm = Math.sqrt(embedding.reduce((sum, value) => sum + value ** 2, 0));
const largest = Math.max(...differences);
console.log(
  `${variant}: largest difference ${largest.toExponential(1)} over ${differences.length} values; norm ${norm.toFixed(4)}, PyTorch's ${expected.l2.toFixed(4)}`,
);
if (!(largest <= TOLERANCE)) process.exitCode = 1;
