/** The process behind the tests of `AnsweringChild`. */
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { answerParent, EpSamError } from "../../src/common/index.js";

const questionSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("bytes"), length: z.number() }),
  z.object({ kind: z.literal("wait"), milliseconds: z.number() }),
  z.object({ kind: z.literal("complain"), text: z.string() }),
  z.object({ kind: z.literal("fail"), what: z.string() }),
  z.object({ kind: z.literal("throw") }),
  z.object({ kind: z.literal("exit") }),
]);

answerParent(questionSchema, async (question) => {
  switch (question.kind) {
    case "bytes":
      return new Uint8Array(question.length).fill(7);
    case "wait":
      await setTimeout(question.milliseconds);
      return question.milliseconds;
    case "complain":
      process.stderr.write(`${question.text}\n`);
      return null;
    case "fail":
      throw new EpSamError("slide", { what: question.what, where: "a.svs" });
    case "throw":
      throw new Error("just so");
    case "exit":
      process.stderr.write("trouble\nthe reason\n");
      return process.exit(5);
  }
});
