import * as graph from "../../../src/graph/index.js";
import { numbers, type OperationCase, one, uniform } from "../support/operation-case.js";

const zero = () => ({ shape: [1], data: new Float64Array(1) });

export const orderingCases = {
  zeroAfter: [
    one("scalar", uniform([]), graph.zeroAfter, zero),
    one("images", uniform([2, 3, 4, 4], 1, 2), graph.zeroAfter, zero),
    one("an infinite element", numbers([2], [Number.POSITIVE_INFINITY, 1]), graph.zeroAfter, zero),
    one("not a number", numbers([2], [Number.NaN, 1]), graph.zeroAfter, zero),
  ],
  // Of one batch; micro-batches are tested with the session that runs them.
  synchronised: [
    one("scalar", uniform([]), graph.synchronised, (x) => x),
    one("images", uniform([2, 3, 4]), graph.synchronised, (x) => x),
  ],
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;
