import type { PixelSize } from "../../geometry/index.js";
import { colourOfClass, titleOf } from "../tools/index.js";
import { areaText, lengthText, withSeparators } from "../viewer/index.js";
import { type ObjectRow, sizeOfRow } from "./object-row.js";
import { originTexts, stateOf, stateTexts } from "./row-order.js";

interface GridRowProps {
  readonly id: string;
  readonly row: ObjectRow;
  readonly resolution: PixelSize | null;
  /** Counted from the head, which is 1. */
  readonly number: number;
  readonly isSelected: boolean;
  readonly isCurrent: boolean;
}

/** One object. Its clicks are the grid's. */
export function GridRow({ id, row, resolution, number, isSelected, isCurrent }: GridRowProps) {
  const { object, probability } = row;
  const { area, diameter } = sizeTexts(row, resolution);
  const state = stateOf(row);
  return (
    <tr
      id={id}
      data-object={object.id}
      class={isCurrent ? "object-line current" : "object-line"}
      aria-rowindex={number}
      aria-selected={isSelected}
    >
      <td class="cell-title">
        <span class="cell-choice">
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`Select ${titleOf(object)}`}
            checked={isSelected}
          />
          <span class="cell-text">{titleOf(object)}</span>
        </span>
      </td>
      <td class="cell-class">
        <svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">
          <rect width="12" height="12" rx="3" fill={colourOfClass(object.classification)} />
        </svg>
        {object.classification ?? "none"}
      </td>
      <td class="cell-area">{area}</td>
      <td class="cell-diameter">{diameter}</td>
      <td class="cell-probability">{probability === null ? "–" : probability.toFixed(2)}</td>
      <td class={`cell-state state-${state}`}>{stateTexts[state]}</td>
      <td class="cell-author">{object.author ?? ""}</td>
      <td class="cell-origin">{originTexts[object.origin]}</td>
    </tr>
  );
}

function sizeTexts(
  row: ObjectRow,
  resolution: PixelSize | null,
): { readonly area: string; readonly diameter: string } {
  const { area, diameter, length } = sizeOfRow(row, resolution);
  const lengthIn = (value: number) =>
    resolution === null ? `${withSeparators(value)} px` : lengthText(value);
  const areaIn = (value: number) => (resolution === null ? `${withSeparators(value)} px²` : areaText(value));
  return {
    area: area === null ? "–" : areaIn(area),
    diameter: diameter !== null ? lengthIn(diameter) : length === null ? "–" : `${lengthIn(length)} long`,
  };
}
