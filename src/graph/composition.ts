import { EpSamError, must } from "../common/index.js";
import { ancestors } from "./ancestors.js";
import type { LoweringContext } from "./lowering.js";
import { makeValue, type Value } from "./value.js";

/**
 * Adds the nodes of what `compose` makes of an operation's operands, in place of a node of its own: how an operation
 * is lowered to others, where which ones depends on the target. Equal parts of several compositions exist once: the
 * runtime itself merges equal nodes of the ONNX standard only.
 *
 * @param names results that hold the operands
 * @returns the name of the result
 */
export function lowerComposition(
  context: LoweringContext,
  names: readonly string[],
  operands: readonly Value[],
  compose: (...operands: Value[]) => Value,
): string {
  const results = new Map<Value, string>();
  const placeholders = operands.map(({ shape, dataType }, index) => {
    const name = must(names, index, "operand's result");
    const placeholder = makeValue(shape, dataType, { kind: "input", name });
    results.set(placeholder, name);
    return placeholder;
  });
  const end = compose(...placeholders);
  for (const value of ancestors([end])) {
    if (!results.has(value)) results.set(value, lowerPart(context, value, results));
  }
  return must(results, end, "result of the composition");
}

function lowerPart(context: LoweringContext, value: Value, results: ReadonlyMap<Value, string>): string {
  const { source } = value;
  if (source.kind === "operation") {
    const { operation, inputs, attributes } = source;
    const names = inputs.map((operand) => must(results, operand, "result of an operand"));
    const key = `${operation.name} ${names.join()} ${JSON.stringify(attributes)}`;
    return context.once(key, () => operation.lower(context, names, { attributes, inputs, output: value }));
  }
  if (source.kind === "constant") return context.sharedConstant(`constant ${value.id}`, source.tensor);
  throw new EpSamError("internal", { what: "is not an operand of the composition", where: source.name });
}
