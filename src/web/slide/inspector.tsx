import type { ComponentType } from "preact";
import { useState } from "preact/hooks";
import { type Tab, Tabs, ToolButton } from "../interface/index.js";
import type { OpenLooking } from "../looking/index.js";
import { closeSheet, narrow } from "../state/screen.js";
import type { OpenThreshold } from "../threshold/index.js";
import { InformationPanel } from "./information-panel.js";
import { LayersPanel } from "./layers-panel.js";
import { ResultsPanel } from "./results-panel.js";
import type { SlideSession } from "./session.js";

type PanelName = "layers" | "results" | "annotations" | "information";

interface InspectorProps {
  readonly session: SlideSession;
  readonly threshold: OpenThreshold;
  readonly looking: OpenLooking;
  /** The tab of the tools; null when they have none. */
  readonly toolPanel: ComponentType | null;
  onFigure(): void;
}

/** The panel beside the slide; on a narrow screen a sheet over its lower part. */
export function Inspector({ session, threshold, looking, toolPanel: ToolPanel, onFigure }: InspectorProps) {
  const [chosen, choose] = useState<PanelName>("layers");
  const tabs: Tab<PanelName>[] = [
    {
      name: "layers",
      title: "Layers",
      content: () => <LayersPanel {...{ session, threshold, looking, onFigure }} />,
    },
    { name: "results", title: "Results", content: () => <ResultsPanel session={session} /> },
    {
      name: "information",
      title: "Slide",
      content: () => <InformationPanel slide={session.viewer.slide.value} />,
    },
  ];
  if (ToolPanel !== null) {
    tabs.splice(2, 0, { name: "annotations", title: "Annotations", content: () => <ToolPanel /> });
  }
  return (
    <aside class="inspector" aria-label="About the slide">
      {narrow.value ? (
        <ToolButton icon="close" title="Close the panel" class="sheet-close" onClick={closeSheet} />
      ) : null}
      <Tabs<PanelName> label="About the slide" tabs={tabs} chosen={chosen} onChoose={choose} />
    </aside>
  );
}
