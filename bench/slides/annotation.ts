import { formatAsapXml } from "../../src/annotations/index.js";
import { ringOf } from "../../src/geometry/index.js";

/** ASAP XML in which half of a square slide's width and height is tumour. */
export function rectangleAnnotation(side: number): string {
  const [from, to] = [side / 4, (3 * side) / 4];
  const outer = ringOf([from, from, to, from, to, to, from, to]);
  const polygon = {
    id: null,
    name: "tumour",
    group: "Tumor",
    colour: null,
    polygons: [{ outer, holes: [] }],
    points: [],
    measurements: {},
  };
  return formatAsapXml([polygon], [{ name: "Tumor", colour: null, parent: null }]);
}
