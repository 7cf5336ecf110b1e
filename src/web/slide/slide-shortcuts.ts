import { firstBeside } from "../beside/index.js";
import { type Shortcut, showProblem } from "../interface/index.js";
import { inspectorShown, objectsShown } from "../interface/preferences.js";
import { narrow, sheet } from "../state/screen.js";
import type { SlideSession } from "./session.js";

const ZOOM_STEP = 1.5;
const OPACITY_STEP = 0.1;

/** Shows or hides the panel beside the slide. */
export function toggleInspector(): void {
  if (narrow.value) sheet.value = sheet.value === "inspector" ? "none" : "inspector";
  else inspectorShown.value = inspectorShown.value === "shown" ? "hidden" : "shown";
}

/** Shows or hides the object table below the slide. */
export function toggleObjects(): void {
  if (narrow.value) sheet.value = sheet.value === "objects" ? "none" : "objects";
  else objectsShown.value = objectsShown.value === "shown" ? "hidden" : "shown";
}

/** Fills the screen with the slide, or returns. */
export async function toggleFullScreen(stage: HTMLElement | null): Promise<void> {
  try {
    if (document.fullscreenElement === null) await stage?.requestFullscreen();
    else await document.exitFullscreen();
  } catch (cause) {
    showProblem(cause);
  }
}

/** Shows level-0 pixels one to one. */
export function showActualPixels({ viewer }: SlideSession): void {
  viewer.setView({ ...viewer.view.value, zoom: 1 });
}

/** Shows something beside the slide, or the slide alone. */
export function toggleBeside({ beside, layers, viewer }: SlideSession): void {
  const isAlone = beside.value === null;
  beside.value = isAlone ? firstBeside(viewer.slide.value, layers.value) : null;
  viewer.announce(isAlone ? "Side by side" : "One slide alone");
}

/** Makes all layers that are shown more or less opaque. */
function fade({ layers, viewer }: SlideSession, step: number): void {
  layers.value = layers.value.map((layer) => ({
    ...layer,
    opacity: Math.round(100 * Math.max(0, Math.min(1, layer.opacity + step))) / 100,
  }));
  const shown = [...new Set(layers.value.map(({ opacity }) => `${Math.round(opacity * 100)} %`))];
  viewer.announce(shown.length === 0 ? "No layer is shown" : `Opacity ${shown.join(", ")}`);
}

/** What keys do while a slide is open. */
export function slideShortcuts(
  session: SlideSession,
  stage: () => HTMLElement | null,
  { toggleNavigator, saveFigure }: { toggleNavigator(): void; saveFigure(): void },
): readonly Shortcut[] {
  const { viewer } = session;
  const view = (key: string, title: string, run: () => void): Shortcut => ({
    key,
    title,
    group: "Slide",
    run,
  });
  const move = (key: string, title: string, x: number, y: number): Shortcut => ({
    key,
    title,
    group: "Slide",
    scope: "slide",
    run: () => viewer.panBy(x, y),
  });
  return [
    view("+", "Closer", () => viewer.zoomBy(ZOOM_STEP)),
    { ...view("=", "Closer", () => viewer.zoomBy(ZOOM_STEP)), hidden: true },
    view("-", "Farther", () => viewer.zoomBy(1 / ZOOM_STEP)),
    view("0", "The whole slide", () => viewer.fit()),
    view("1", "Pixel for pixel", () => showActualPixels(session)),
    view("r", "Turn by 90°", () => viewer.turnBy(90)),
    view("Shift+r", "Turn back by 90°", () => viewer.turnBy(-90)),
    view("[", "Turn back by 5°", () => viewer.turnBy(-5)),
    view("]", "Turn by 5°", () => viewer.turnBy(5)),
    move("ArrowLeft", "Left", -0.2, 0),
    move("ArrowRight", "Right", 0.2, 0),
    move("ArrowUp", "Up", 0, -0.2),
    move("ArrowDown", "Down", 0, 0.2),
    move("Shift+ArrowLeft", "Far left", -0.8, 0),
    move("Shift+ArrowRight", "Far right", 0.8, 0),
    move("Shift+ArrowUp", "Far up", 0, -0.8),
    move("Shift+ArrowDown", "Far down", 0, 0.8),
    view("h", "Hide or show all layers", () => {
      session.bare.value = !session.bare.value;
    }),
    view("k", "Fainter layers", () => fade(session, -OPACITY_STEP)),
    view("Shift+k", "Stronger layers", () => fade(session, OPACITY_STEP)),
    view("Shift+g", "Go to coordinates", () => {
      session.goingTo.value = true;
    }),
    view("g", "Hide or show the patches", () => {
      const [first] = viewer.slide.value.datasets;
      session.grid.value = session.grid.value === null ? (first ?? null) : null;
    }),
    view("c", "Compare side by side, or show one alone", () => toggleBeside(session)),
    view("i", "Hide or show the panel", toggleInspector),
    view("o", "Hide or show the object table", toggleObjects),
    view("Shift+f", "Save a figure of the view", saveFigure),
    view("n", "Hide or show the small picture", toggleNavigator),
    view("f", "Full screen", () => void toggleFullScreen(stage())),
  ];
}
