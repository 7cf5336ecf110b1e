import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { type ComponentType, render } from "preact";
import type { AnnotationImport, LayerEntry } from "../../contract/index.js";
import { onServerEvent } from "../api/index.js";
import { listen, showMessage, showProblem } from "../interface/index.js";
import type { SlideViewer } from "../viewer/handle.js";
import { BoxTool } from "./editing/box-tool.js";
import { BrushTool } from "./editing/brush-tool.js";
import { listenToClassKeys } from "./editing/class-shortcuts.js";
import { ClickTool } from "./editing/click-tool.js";
import { DrawTool } from "./editing/draw-tool.js";
import { Editor } from "./editing/editor.js";
import { editorShortcuts } from "./editing/editor-shortcuts.js";
import { outlinesOf } from "./editing/object-painter.js";
import { PointTool } from "./editing/point-tool.js";
import { PointerInput } from "./editing/pointer-input.js";
import { SelectTool } from "./editing/select-tool.js";
import { VertexTool } from "./editing/vertex-tool.js";
import { AnnotationPanel } from "./panel/annotation-panel.js";
import { ClassManager } from "./panel/class-manager.js";
import { ConflictDialog } from "./panel/conflict-dialog.js";
import { ToolOptions } from "./panel/tool-options.js";
import { Toolbar } from "./panel/toolbar.js";
import type { ToolsState } from "./panel/tools-state.js";
import { openSegmentation } from "./segment/segmentation.js";
import { loadClasses } from "./store/class-meanings.js";
import { openAnnotations } from "./store/kept-annotations.js";
import { knownClasses } from "./store/known-classes.js";
import { openTeachSession } from "./teach/teach-session.js";
import { TeachTool } from "./teach/teach-tool.js";

/** Tools on one open slide. */
export interface AttachedTools {
  readonly editor: Editor;
  /** Buttons above the slide. */
  readonly Toolbar: ComponentType;
  /** The tab "Annotations"; null shows no tab. */
  readonly Panel: ComponentType | null;
  /** The map that squares teach; null while there is none. */
  readonly taughtLayer: ReadonlySignal<LayerEntry | null>;
  dispose(): void;
}

/** Attaches every tool to an open slide. */
export function attachTools(viewer: SlideViewer): AttachedTools {
  const annotations = openAnnotations(viewer.slide.peek());
  const { store } = annotations;
  const editor = new Editor(viewer, store);
  const segmentation = openSegmentation(viewer, showProblem);
  let repaint = (): void => undefined;
  const repaintLater = () => repaint();
  const clickTool = new ClickTool(editor, segmentation, repaintLater);
  const pointTool = new PointTool(editor, repaintLater);
  const session = openTeachSession(viewer, editor);
  const teaching = { session, tool: new TeachTool(editor, session, repaintLater) };
  const tools = [
    new SelectTool(editor, repaintLater),
    clickTool,
    new DrawTool("draw", editor, repaintLater),
    new BoxTool("rectangle", editor, repaintLater),
    new BoxTool("ellipse", editor, repaintLater),
    new DrawTool("polyline", editor, repaintLater),
    pointTool,
    new BrushTool("brush", editor, repaintLater),
    new BrushTool("erase", editor, repaintLater),
    new VertexTool(editor, repaintLater),
    new DrawTool("measure", editor, repaintLater),
    teaching.tool,
  ];
  const input = new PointerInput(editor, tools, repaintLater);
  const state = toolsState(editor, input, { segmentation, clickTool, pointTool, teaching });
  const outlines = viewer.addPicture(outlinesOf(editor));
  const painter = viewer.addPainter((context) => {
    input.tool?.paint?.(context, viewer);
    input.paint(context);
  });
  repaint = painter.repaint;
  const ends = [
    annotations.close,
    keepUnfinished(input),
    onServerEvent("workspace", () => void loadClasses()),
    viewer.shortcuts.register(...editorShortcuts(state)),
    listenToClassKeys(editor),
    keepSelectionThere(editor),
    effect(() => {
      void [store.objects.value, editor.selection.value, editor.rejectedShown.value, knownClasses.value];
      outlines.repaint();
    }),
    effect(() => {
      if (session.size.value !== null) untracked(() => teaching.tool.placeWaiting());
    }),
    effect(() => {
      // Whatever tools paint.
      void [store.objects.value, editor.selection.value, editor.brushSize.value, editor.vertex.value];
      void [segmentation.session.prompt.value, segmentation.session.mask.value];
      void [editor.classification.value, knownClasses.value, session.suggestions.value, session.size.value];
      painter.repaint();
    }),
    effect(() => {
      if (store.saveState.value.state === "conflict") state.conflictShown.value = true;
    }),
    showOverSlide(viewer, state),
  ];
  void loadClasses();
  return {
    editor,
    Toolbar: () => <Toolbar state={state} />,
    Panel: () => <AnnotationPanel state={state} />,
    taughtLayer: session.layer,
    dispose() {
      input.dispose();
      segmentation.dispose();
      session.dispose();
      painter.remove();
      outlines.remove();
      for (const end of ends) end();
    },
  };
}

function toolsState(
  editor: Editor,
  input: PointerInput,
  parts: Pick<ToolsState, "segmentation" | "clickTool" | "pointTool" | "teaching">,
): ToolsState {
  const importFrom = async (from: Blob | "results"): Promise<void> => {
    try {
      const { added, warnings } = await editor.store.importFrom(from);
      showMessage(importText(added, warnings));
    } catch (thrown) {
      showProblem(thrown);
    }
  };
  return {
    ...{ editor, input, ...parts },
    conflictShown: signal(false),
    classesShown: signal(false),
    importFile: (file) => void importFrom(file),
    importResults: () => void importFrom("results"),
  };
}

/** What an import did, in words. */
export function importText(added: number, warnings: AnnotationImport["warnings"]): string {
  const count = added === 1 ? "1 annotation was added." : `${added} annotations were added.`;
  return [count, ...warnings.map((warning) => `${warning}.`)].join(" ");
}

/** Asks before a page is left in which an outline, or a mask, is only begun. */
function keepUnfinished(input: PointerInput): () => void {
  return listen(window, {
    beforeunload: (event) => {
      if (input.tool?.hasBegun === true) event.preventDefault();
    },
  });
}

/** What is gone is no longer selected. */
function keepSelectionThere(editor: Editor): () => void {
  return effect(() => {
    const objects = editor.store.objects.value;
    const there = [...editor.selection.value].filter((id) => objects.has(id));
    if (there.length < editor.selection.value.size) editor.select(there);
  });
}

/** The active tool's strip, and the dialog about conflicts, above the slide. */
function showOverSlide(viewer: SlideViewer, state: ToolsState): () => void {
  const host = document.createElement("div");
  host.className = "over-slide";
  viewer.element.after(host);
  render(
    <>
      <ToolOptions state={state} />
      <ConflictDialog state={state} />
      <ClassManager state={state} />
    </>,
    host,
  );
  return () => {
    render(null, host);
    host.remove();
  };
}
