import type { Area, Position } from "../../../contract/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import type { DrawnShape } from "../geometry/shapes.js";

/** Traces positions of the slide on the screen. */
export function traceLine(
  context: CanvasRenderingContext2D,
  viewer: SlideViewer,
  positions: readonly Position[],
  close: boolean,
): void {
  positions.forEach((position, index) => {
    const { x, y } = viewer.toScreen(position);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  if (close) context.closePath();
}

/** Traces all outlines of an area; fill with the even-odd rule. */
export function traceArea(
  context: CanvasRenderingContext2D,
  viewer: SlideViewer,
  { coordinates }: Area,
): void {
  context.beginPath();
  for (const ring of coordinates.flat()) traceLine(context, viewer, ring, true);
}

/** Traces what is drawn of an object; points are no lines. */
export function traceShape(context: CanvasRenderingContext2D, viewer: SlideViewer, shape: DrawnShape): void {
  if (shape.type === "MultiPolygon") traceArea(context, viewer, shape);
  else {
    context.beginPath();
    if (shape.type === "LineString") traceLine(context, viewer, shape.coordinates, false);
  }
}

/** A short text on the slide, on a ground that it can be read on; `at` is the middle of its lower edge. */
export function paintLabel(
  context: CanvasRenderingContext2D,
  text: string,
  at: { readonly x: number; readonly y: number },
): void {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const width = context.measureText(text).width + 10;
  context.fillStyle = "rgb(255 255 255 / 88%)";
  context.fillRect(at.x - width / 2, at.y - 18, width, 18);
  context.fillStyle = "#16191b";
  context.fillText(text, at.x, at.y - 9);
}

/** A line that shows on light and on dark: white around a colour. */
export function strokeTwice(context: CanvasRenderingContext2D, colour: string, width: number): void {
  context.lineWidth = width + 2;
  context.strokeStyle = "rgba(255, 255, 255, 0.85)";
  context.stroke();
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

/** A dot with a white ring. */
export function paintDot(
  context: CanvasRenderingContext2D,
  { x, y }: { readonly x: number; readonly y: number },
  radius: number,
  colour: string,
): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = "white";
  context.stroke();
}
