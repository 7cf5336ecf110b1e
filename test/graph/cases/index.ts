import type { OperationName } from "../../../src/graph/index.js";
import type { OperationCase } from "../support/operation-case.js";
import { channelCases, channelCompositeCases } from "./channels.js";
import { depthwiseCases } from "./depthwise.js";
import { elementwiseCases, elementwiseCompositeCases } from "./elementwise.js";
import { orderingCases } from "./ordering.js";
import { poolingCases } from "./pooling.js";
import { productCases } from "./products.js";
import { reductionCases, reductionCompositeCases } from "./reductions.js";
import { shapeCases, shapeCompositeCases } from "./shapes.js";

/** At least one case for each registered operation; the type fails to compile when one is missing. */
export const cases: Record<OperationName, readonly OperationCase[]> = {
  ...elementwiseCases,
  ...shapeCases,
  ...reductionCases,
  ...channelCases,
  ...productCases,
  ...depthwiseCases,
  ...poolingCases,
  ...orderingCases,
};

/** Cases of functions composed of operations, by function. */
export const compositeCases: Readonly<Record<string, readonly OperationCase[]>> = {
  ...elementwiseCompositeCases,
  ...shapeCompositeCases,
  ...reductionCompositeCases,
  ...channelCompositeCases,
};
