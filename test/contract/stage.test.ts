import { expect, it } from "vitest";
import {
  decoderStages,
  isDecoderStage,
  roundOf,
  roundStage,
  stageOrder,
  stageTitle,
  tableStages,
} from "../../src/contract/index.js";

it("numbers the decoders' stages, and reads the number back", () => {
  expect(decoderStages(2)).toEqual(["preliminary", "round-1", "round-2"]);
  expect(decoderStages(12).map(roundOf)).toEqual(Array.from({ length: 13 }, (_, round) => round));
  expect(roundStage(roundOf("round-9") + 1)).toBe("round-10");
});

it("tells decoders' stages from other names", () => {
  expect(["preliminary", "round-1", "round-10"].every(isDecoderStage)).toBe(true);
  const others = [
    "classifier",
    "initial-masks",
    "untrained",
    "evaluation",
    "round-0",
    "round-",
    "round-1x",
    "",
  ];
  expect(others.some(isDecoderStage)).toBe(false);
});

it("orders masks as they come about, the tenth round after the second", () => {
  const stages = ["round-10", "preliminary", "initial", "round-2", "untrained", "initial-masks"];
  expect(stages.sort((one, other) => stageOrder(one) - stageOrder(other))).toEqual([
    "initial",
    "initial-masks",
    "untrained",
    "preliminary",
    "round-2",
    "round-10",
  ]);
});

it("has a title for each row of a table, and leaves a name that it does not know", () => {
  expect(tableStages(1).map(stageTitle)).toEqual([
    "Initial masks (CAM)",
    "SAM untrained, CAM prompts",
    "Preliminary fine-tuning",
    "Round 1",
  ]);
  expect(stageTitle("perfect")).toBe("perfect");
});
