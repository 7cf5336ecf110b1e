import { firstBeside } from "../beside/index.js";
import { type Shortcut, shortcutGroup, showProblem } from "../interface/index.js";
import { togglePanel } from "../state/screen.js";
import type { SlideSession } from "./session.js";

const ZOOM_STEP = 1.5;
const OPACITY_STEP = 0.1;

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

/** Hides all layers for a moment, or shows them again. */
export function toggleBare({ bare }: SlideSession): void {
  bare.value = !bare.value;
}

/** Asks for coordinates to go to. */
export function askForPlace({ goingTo }: SlideSession): void {
  goingTo.value = true;
}

function togglePatches({ grid, viewer }: SlideSession): void {
  const [first] = viewer.slide.value.datasets;
  grid.value = grid.value === null ? (first ?? null) : null;
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
  const closer = () => viewer.zoomBy(ZOOM_STEP);
  return [
    ...shortcutGroup("Slide", "page", [
      ["+", "Closer", closer],
      ["-", "Farther", () => viewer.zoomBy(1 / ZOOM_STEP)],
      ["0", "The whole slide", () => viewer.fit()],
      ["1", "Pixel for pixel", () => showActualPixels(session)],
      ["r", "Turn by 90°", () => viewer.turnBy(90)],
      ["Shift+r", "Turn back by 90°", () => viewer.turnBy(-90)],
      ["[", "Turn back by 5°", () => viewer.turnBy(-5)],
      ["]", "Turn by 5°", () => viewer.turnBy(5)],
    ]),
    { key: "=", title: "Closer", group: "Slide", hidden: true, run: closer },
    ...shortcutGroup("Slide", "slide", [
      ["ArrowLeft", "Left", () => viewer.panBy(-0.2, 0)],
      ["ArrowRight", "Right", () => viewer.panBy(0.2, 0)],
      ["ArrowUp", "Up", () => viewer.panBy(0, -0.2)],
      ["ArrowDown", "Down", () => viewer.panBy(0, 0.2)],
      ["Shift+ArrowLeft", "Far left", () => viewer.panBy(-0.8, 0)],
      ["Shift+ArrowRight", "Far right", () => viewer.panBy(0.8, 0)],
      ["Shift+ArrowUp", "Far up", () => viewer.panBy(0, -0.8)],
      ["Shift+ArrowDown", "Far down", () => viewer.panBy(0, 0.8)],
    ]),
    ...shortcutGroup("Slide", "page", [
      ["h", "Hide or show all layers", () => toggleBare(session)],
      ["k", "Fainter layers", () => fade(session, -OPACITY_STEP)],
      ["Shift+k", "Stronger layers", () => fade(session, OPACITY_STEP)],
      ["Shift+g", "Go to coordinates", () => askForPlace(session)],
      ["g", "Hide or show the patches", () => togglePatches(session)],
      ["c", "Compare side by side, or show one alone", () => toggleBeside(session)],
      ["i", "Hide or show the panel", () => togglePanel("inspector")],
      ["o", "Hide or show the object table", () => togglePanel("objects")],
      ["Shift+f", "Save a figure of the view", saveFigure],
      ["n", "Hide or show the small picture", toggleNavigator],
      ["f", "Full screen", () => void toggleFullScreen(stage())],
    ]),
  ];
}
