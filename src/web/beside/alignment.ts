import type { Position, SlideEntry } from "../../contract/index.js";
import type { Alignment } from "../routing/hash-link.js";
import type { ViewState } from "../viewer/index.js";

/** In what a slide's places are counted when two are seen side by side. */
export interface PlaceFrame {
  /** Units per level-0 pixel. */
  readonly unit: number;
  /** The middle of the slide in these units. */
  readonly middle: Position;
}

type Measured = Pick<SlideEntry, "size" | "micronsPerPixel">;

/**
 * In what places of two slides are compared: in microns where both tell a resolution, else in the longer side of each.
 */
export function framesOf(
  here: Measured,
  there: Measured,
): { readonly here: PlaceFrame; readonly there: PlaceFrame; readonly inMicrons: boolean } {
  const inMicrons = here.micronsPerPixel !== null && there.micronsPerPixel !== null;
  const frame = ({ size, micronsPerPixel }: Measured): PlaceFrame => {
    const { width, height } = size ?? { width: 1, height: 1 };
    const unit =
      inMicrons && micronsPerPixel !== null
        ? Math.sqrt(micronsPerPixel.x * micronsPerPixel.y)
        : 1 / Math.max(width, height);
    return { unit, middle: [(width / 2) * unit, (height / 2) * unit] };
  };
  return { here: frame(here), there: frame(there), inMicrons };
}

/** How the two lie when nobody has aligned them: by microns from the corner, or their middles on each other. */
export function placesOf({ here, there, inMicrons }: ReturnType<typeof framesOf>): Alignment {
  const [x, y] = inMicrons ? [0, 0] : [there.middle[0] - here.middle[0], there.middle[1] - here.middle[1]];
  return { scale: 1, turn: 0, x, y };
}

/** How two slides are aligned that show the same in these views. */
export function alignmentOf(
  views: { readonly here: ViewState; readonly there: ViewState },
  frames: { readonly here: PlaceFrame; readonly there: PlaceFrame },
): Alignment {
  const [here, there] = [inUnits(views.here, frames.here), inUnits(views.there, frames.there)];
  const scale = here.zoom / there.zoom;
  const turn = signedTurn(here.rotation - there.rotation);
  const [x, y] = turned(here.centre, turn);
  return { scale, turn, x: there.centre[0] - scale * x, y: there.centre[1] - scale * y };
}

/** The view of the other slide that belongs to one of this. */
export function viewThere(
  view: ViewState,
  frames: { readonly here: PlaceFrame; readonly there: PlaceFrame },
  { scale, turn, x, y }: Alignment,
): ViewState {
  const { centre, zoom, rotation } = inUnits(view, frames.here);
  const [across, down] = turned(centre, turn);
  return inPixels(
    { centre: [scale * across + x, scale * down + y], zoom: zoom / scale, rotation: rotation - turn },
    frames.there,
  );
}

/** The view of this slide that belongs to one of the other: {@link viewThere} undone. */
export function viewHere(
  view: ViewState,
  frames: { readonly here: PlaceFrame; readonly there: PlaceFrame },
  { scale, turn, x, y }: Alignment,
): ViewState {
  const { centre, zoom, rotation } = inUnits(view, frames.there);
  const moved: Position = [(centre[0] - x) / scale, (centre[1] - y) / scale];
  return inPixels(
    { centre: turned(moved, -turn), zoom: zoom * scale, rotation: rotation + turn },
    frames.here,
  );
}

function inUnits({ centre, zoom, rotation }: ViewState, { unit }: PlaceFrame): ViewState {
  return { centre: [centre[0] * unit, centre[1] * unit], zoom: zoom / unit, rotation };
}

function inPixels({ centre, zoom, rotation }: ViewState, { unit }: PlaceFrame): ViewState {
  return {
    centre: [centre[0] / unit, centre[1] / unit],
    zoom: zoom * unit,
    rotation: ((rotation % 360) + 360) % 360,
  };
}

function turned([x, y]: Position, degrees: number): Position {
  const angle = (degrees * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  return [cosine * x - sine * y, sine * x + cosine * y];
}

/** Between −180 and 180. */
function signedTurn(degrees: number): number {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}
