import { ToolButton } from "../../interface/index.js";
import type { ToolsState } from "./tools-state.js";

export interface OppositeButtonProps {
  readonly input: Pick<ToolsState["input"], "opposite">;
  /** What clicks are while it is not pressed, and while it is. */
  readonly plain: string;
  readonly opposite: string;
}

/** Says what clicks are, and turns it round. */
export function OppositeButton({ input, plain, opposite }: OppositeButtonProps) {
  const isOpposite = input.opposite.value;
  return (
    <ToolButton
      icon={isOpposite ? "minus" : "plus"}
      title={isOpposite ? opposite : plain}
      word={(isOpposite ? opposite : plain).replace(/^\w+ (are )?/, "")}
      shortcut="X"
      pressed={isOpposite}
      onClick={() => {
        input.opposite.value = !isOpposite;
      }}
    />
  );
}
