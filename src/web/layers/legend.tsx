import type { LayerEntry } from "../../contract/index.js";
import {
  type ColourMapName,
  colourTable,
  cssColour,
  differenceClasses,
  maskColours,
} from "../viewer/index.js";

/** What the colours of a layer mean. */
export function Legend({ layer, map }: { readonly layer: LayerEntry; readonly map: ColourMapName }) {
  if (layer.values === "difference") {
    return (
      <ul class="swatches">
        {differenceClasses.map(({ title, colour }) => (
          <li key={title}>
            <span class="swatch" style={{ background: cssColour(colour) }} /> {title}
          </li>
        ))}
      </ul>
    );
  }
  if (layer.values === "mask") {
    const colour = cssColour(maskColours[layer.kind]);
    const look = map === "outline" ? { borderColor: colour } : { background: colour, borderColor: colour };
    return (
      <ul class="swatches">
        <li>
          <span class="swatch line" style={look} /> {layer.title}
        </li>
      </ul>
    );
  }
  return <Scale map={map} kind={layer.kind} />;
}

/** The colours from 0 to 1. */
function Scale({ map, kind }: { readonly map: ColourMapName; readonly kind: LayerEntry["kind"] }) {
  const table = colourTable(map, kind);
  const stops = table
    .filter((_, level) => level % 15 === 0)
    .map(([red, green, blue, opacity]) => `rgb(${red} ${green} ${blue} / ${opacity / 255})`);
  return (
    <div class="scale" role="img" aria-label="Colours from 0 on the left to 1 on the right">
      <span>0</span>
      <span class="scale-colours">
        <span style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }} />
      </span>
      <span>1</span>
    </div>
  );
}
