import { Button, ToolButton } from "../../interface/index.js";
import { isApart } from "../editing/brush-tool.js";
import { titleOf } from "../editing/classes.js";
import { BRUSH_SIZES } from "../editing/editor.js";
import { TeachOptions } from "../teach/teach-options.js";
import { OppositeButton } from "./opposite-button.js";
import type { ToolsState } from "./tools-state.js";

/** What belongs to the active tool, in a strip over the slide, within reach of a thumb. */
export function ToolOptions({ state }: { readonly state: ToolsState }) {
  const tool = state.editor.tool.value;
  if (tool === "select")
    return state.editor.selectedObjects.value.length === 0 ? null : <Selected state={state} />;
  return (
    <fieldset class="tool-strip">
      <legend class="visually-hidden">Active tool</legend>
      {tool === "segment" ? <Segmenting state={state} /> : null}
      {tool === "draw" ? (
        <span>Drag an outline, or click vertices; Enter or a click on the first ends it.</span>
      ) : null}
      {tool === "rectangle" ? <span>Drag from corner to corner; Shift makes a square.</span> : null}
      {tool === "ellipse" ? <span>Drag from corner to corner; Shift makes a circle.</span> : null}
      {tool === "polyline" ? (
        <span>Drag a line, or click vertices; Enter or a second click on the last ends it.</span>
      ) : null}
      {tool === "points" ? <Points state={state} /> : null}
      {tool === "measure" ? <Measuring state={state} /> : null}
      {tool === "brush" || tool === "erase" ? <Brush state={state} /> : null}
      {tool === "vertices" ? <Vertices state={state} /> : null}
      {tool === "teach" ? <TeachOptions state={state} /> : null}
      <span class="strip-close">
        <ToolButton
          icon="close"
          title="Put the tool away"
          shortcut="Esc"
          onClick={() => {
            state.editor.tool.value = "select";
          }}
        />
      </span>
    </fieldset>
  );
}

function Selected({ state: { editor } }: { readonly state: ToolsState }) {
  const count = editor.selectedObjects.value.length;
  return (
    <fieldset class="tool-strip">
      <legend class="visually-hidden">Selected annotations</legend>
      <span>{count === 1 ? "1 selected" : `${count} selected`}</span>
      <ToolButton icon="check" title="Accept" shortcut="A" onClick={() => editor.review("accepted")} />
      <ToolButton icon="close" title="Reject" shortcut="X" onClick={() => editor.review("rejected")} />
      <ToolButton icon="trash" title="Delete" shortcut="Del" onClick={() => editor.remove()} />
    </fieldset>
  );
}

function Segmenting({ state: { editor, clickTool, segmentation, input } }: { readonly state: ToolsState }) {
  const { session, place, isCutOff, isWhole } = segmentation;
  const status = session.status.value;
  const certainty = Math.max(0, Math.min(1, session.mask.value?.estimatedIou ?? 0));
  const text = {
    idle: "Click what is to be segmented.",
    embedding: "Looking at this place …",
    decoding: "Segmenting …",
    ready: `Certainty ${Math.round(certainty * 100)} %${isCutOff.value ? "; ends where the square does" : ""}`,
  }[status];
  return (
    <>
      <span class="tool-status" role="status" data-status={status} data-engine={place.value.engine ?? ""}>
        {text}
      </span>
      {status === "ready" && isWhole.value ? (
        <span role="status">Nothing stands out here: drag a box around what you mean.</span>
      ) : null}
      <OppositeButton input={input} plain="Clicks are inside" opposite="Clicks are outside" />
      <ToolButton
        icon="undo"
        title="Take back the last point"
        shortcut="Backspace"
        disabled={session.isEmpty.value}
        onClick={() => session.removeLast()}
      />
      {isCutOff.value ? (
        <Button
          disabled={status !== "ready"}
          onClick={() => {
            session.widen();
            // This button goes; the keys of the tool are the slide's.
            const { canvas } = editor.viewer.openSeadragon;
            if (canvas instanceof HTMLElement) canvas.focus();
          }}
        >
          Go on beyond it (W)
        </Button>
      ) : null}
      <Button
        kind="main"
        disabled={status === "idle" || session.mask.value === null}
        onClick={() => clickTool.accept()}
      >
        Keep (Enter)
      </Button>
    </>
  );
}

function Points({ state: { editor, pointTool, input } }: { readonly state: ToolsState }) {
  // What is selected decides the set.
  void editor.selected.value;
  const set = pointTool.set();
  const count = set?.mark.coordinates.length ?? 0;
  return (
    <>
      <span class="tool-status" role="status">
        {set === null ? "Click to set points." : `${titleOf(set)}: ${editor.figureOf(set)}`}
      </span>
      <OppositeButton input={input} plain="Clicks set points" opposite="Clicks take points away" />
      <ToolButton
        icon="undo"
        title="Take the last point away"
        shortcut="Backspace"
        disabled={count === 0}
        onClick={() => pointTool.removeLast()}
      />
      <Button disabled={set === null} onClick={() => pointTool.beginSet()}>
        New set (Enter)
      </Button>
    </>
  );
}

function Measuring({ state: { editor, input } }: { readonly state: ToolsState }) {
  const { measured, readout, viewer } = editor;
  const hint =
    measured.value === "line"
      ? "Drag from end to end, or click a way; Enter or a second click on its last point ends it."
      : "Drag an outline, or click vertices; Enter or a click on the first ends it.";
  return (
    <>
      <fieldset class="choice-pair" aria-label="What is measured">
        {(["line", "area"] as const).map((what) => (
          <button
            key={what}
            type="button"
            class="button plain"
            aria-pressed={measured.value === what}
            onClick={() => {
              // Half a line is no outline.
              if (measured.value !== what) input.tool?.cancel();
              measured.value = what;
            }}
          >
            {what === "line" ? "Length" : "Area"}
          </button>
        ))}
      </fieldset>
      <output class="tool-status" aria-live="off">
        {readout.value ?? hint}
      </output>
      {viewer.slide.value.micronsPerPixel === null ? (
        <span>This slide tells no resolution: figures are in pixels.</span>
      ) : null}
    </>
  );
}

function Brush({ state: { editor } }: { readonly state: ToolsState }) {
  const { brushSize, selected, tool } = editor;
  const hint =
    tool.value === "brush"
      ? selected.value === null || isApart(selected.value)
        ? "Paints a new annotation."
        : "Adds to the selected one."
      : "Erases.";
  return (
    <>
      <label class="brush-size">
        <span>Size</span>
        <input
          type="range"
          min={BRUSH_SIZES.least}
          max={BRUSH_SIZES.most}
          value={brushSize.value}
          onInput={({ currentTarget }) => {
            brushSize.value = Number(currentTarget.value);
          }}
        />
      </label>
      <span class="tool-hint">{hint}</span>
    </>
  );
}

function Vertices({ state: { editor, input } }: { readonly state: ToolsState }) {
  if (editor.selected.value === null) return <span>Click the annotation to edit.</span>;
  return (
    <>
      <span>
        {input.opposite.value ? "Press a vertex to remove it." : "Drag vertices; press an edge to add one."}
      </span>
      <OppositeButton input={input} plain="Presses move vertices" opposite="Presses remove vertices" />
    </>
  );
}
