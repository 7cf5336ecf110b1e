import type { ComponentType } from "preact";
import { showMessage, showProblem, ToolButton } from "../interface/index.js";
import { isPanelSeen, togglePanel } from "../state/screen.js";
import { magnificationOf, magnificationText } from "../viewer/index.js";
import type { SlideSession } from "./session.js";
import { showActualPixels, toggleBare, toggleFullScreen } from "./slide-shortcuts.js";

interface ViewerToolbarProps {
  readonly session: SlideSession;
  readonly tools: ComponentType;
  stage(): HTMLElement | null;
}

/** The row of buttons above the slide. */
export function ViewerToolbar({ session, tools: Tools, stage }: ViewerToolbarProps) {
  const { viewer } = session;
  return (
    <div class="toolbar" role="toolbar" aria-label="Slide">
      <span class="toolbar-group tool-row">
        <Tools />
      </span>
      <span class="toolbar-group view-tools">
        <Magnification session={session} />
        <ToolButton icon="minus" title="Farther" shortcut="-" onClick={() => viewer.zoomBy(1 / 1.5)} />
        <ToolButton icon="plus" title="Closer" shortcut="+" onClick={() => viewer.zoomBy(1.5)} />
        <ToolButton icon="fit" title="The whole slide" shortcut="0" onClick={() => viewer.fit()} />
        <ToolButton
          icon="actual"
          title="Pixel for pixel"
          shortcut="1"
          onClick={() => showActualPixels(session)}
        />
        <ToolButton
          icon="turnLeft"
          title="Turn back by 90°"
          shortcut="Shift+R"
          onClick={() => viewer.turnBy(-90)}
        />
        <ToolButton icon="turnRight" title="Turn by 90°" shortcut="R" onClick={() => viewer.turnBy(90)} />
      </span>
      <span class="toolbar-group">
        <ToolButton
          icon={session.bare.value ? "eyeOff" : "eye"}
          title="Hide all layers"
          shortcut="H"
          pressed={session.bare.value}
          onClick={() => toggleBare(session)}
        />
        <ToolButton
          icon="table"
          title="Object table"
          shortcut="O"
          pressed={isPanelSeen("objects")}
          onClick={() => togglePanel("objects")}
        />
        <ToolButton icon="link" title="Copy the link to this view" class="wide-only" onClick={copyLink} />
        <ToolButton
          icon="fullScreen"
          title="Full screen"
          shortcut="F"
          class="wide-only"
          onClick={() => void toggleFullScreen(stage())}
        />
        <ToolButton
          icon="panel"
          title="Panel"
          shortcut="I"
          pressed={isPanelSeen("inspector")}
          onClick={() => togglePanel("inspector")}
        />
      </span>
    </div>
  );
}

function copyLink(): void {
  navigator.clipboard
    .writeText(location.href)
    .then(() => showMessage("The link is on the clipboard."), showProblem);
}

const MAGNIFICATIONS = [1.25, 2.5, 5, 10, 20, 40] as const;

/** The present magnification, and a choice of others. */
function Magnification({ session: { viewer } }: { readonly session: SlideSession }) {
  const { micronsPerPixel, objectivePower } = viewer.slide.value;
  const atOne = magnificationOf(1, micronsPerPixel?.x ?? null, objectivePower);
  const { zoom } = viewer.view.value;
  const now = atOne === null ? `${Number((zoom * 100).toPrecision(2))} %` : magnificationText(atOne * zoom);
  const choices =
    atOne === null
      ? [0.125, 0.25, 0.5, 1, 2].map((factor) => ({ title: `${factor * 100} %`, zoom: factor }))
      : MAGNIFICATIONS.map((times) => ({ title: `${times}×`, zoom: times / atOne }));
  return (
    <select
      class="magnification"
      aria-label="Magnification"
      title="Magnification"
      value="now"
      onChange={({ currentTarget }) => {
        const chosen = choices.find(({ title }) => title === currentTarget.value);
        currentTarget.value = "now";
        if (chosen !== undefined) viewer.setView({ ...viewer.view.value, zoom: chosen.zoom });
      }}
    >
      <option value="now">{now}</option>
      {choices.map(({ title }) => (
        <option key={title} value={title}>
          {title}
        </option>
      ))}
    </select>
  );
}
