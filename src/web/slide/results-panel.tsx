import { useEffect, useState } from "preact/hooks";
import { type FocusEntry, type SlideResults, slideResultsSchema } from "../../contract/index.js";
import { paths } from "../api/index.js";
import { Button, Resource, useResource } from "../interface/index.js";
import { formatRoute, jobsRoute } from "../routing/hash-link.js";
import {
  areaText,
  LARGEST_ZOOM,
  lengthText,
  type OpenViewer,
  viewOf,
  withSeparators,
} from "../viewer/index.js";
import { Fact } from "./information-panel.js";
import type { SlideSession } from "./session.js";

/** Foci in the list before "Show all". */
const FIRST_FOCI = 50;

const SIZE_CLASSES = {
  "isolated-tumour-cells": "isolated tumour cells",
  micrometastasis: "micrometastasis",
  macrometastasis: "macrometastasis",
} as const;

/** Areas, and every focus with its size; choosing one flies there. */
export function ResultsPanel({ session }: { readonly session: SlideSession }) {
  const { id, segmented } = session.viewer.slide.value;
  const [loaded, again] = useResource(slideResultsSchema, segmented ? paths.results(id) : null);
  if (!segmented) {
    return (
      <div class="panel">
        <p class="hint">This slide has not been segmented.</p>
        <a class="button main" href={formatRoute(jobsRoute("infer", { slide: id }))}>
          Segment this slide …
        </a>
      </div>
    );
  }
  return (
    <div class="panel results-panel">
      <Resource loaded={loaded} again={again} what="the results">
        {(results) => <Results results={results} session={session} />}
      </Resource>
    </div>
  );
}

function Results({ results, session }: { readonly results: SlideResults; readonly session: SlideSession }) {
  const [all, showAll] = useState(false);
  const [chosen, choose] = useState<FocusEntry | null>(null);
  useFocusOutline(session.viewer, chosen);
  const foci = all ? results.foci : results.foci.slice(0, FIRST_FOCI);
  const visit = (focus: FocusEntry) => {
    choose(focus);
    const { clientWidth: width, clientHeight: height } = session.viewer.element;
    const { rotation } = session.viewer.view.value;
    session.goTo(viewOf(focus.box, { width, height }, rotation, LARGEST_ZOOM / 8));
    session.viewer.announce(`Focus ${focus.name} is in view.`);
  };
  return (
    <>
      <dl class="tiles">
        <Fact title="Tumour">{squareMillimetres(results.tumourSquareMillimetres)}</Fact>
        <Fact title="Tissue">{squareMillimetres(results.tissueSquareMillimetres)}</Fact>
        <Fact title="Tumour of tissue">
          {results.tumourToTissue === null ? "unknown" : `${(results.tumourToTissue * 100).toFixed(1)} %`}
        </Fact>
        <Fact title="Foci">{withSeparators(results.foci.length)}</Fact>
      </dl>
      <p class="hint">{results.origin}</p>
      {results.foci.length === 0 ? <p>No focus was found.</p> : null}
      <LeftOut results={results} />
      <ol class="foci">
        {foci.map((focus) => (
          <li key={focus.id}>
            <button
              type="button"
              class="focus"
              {...(focus === chosen ? { "aria-current": "true" as const } : {})}
              onClick={() => visit(focus)}
            >
              <span class="focus-name">{focus.name}</span>
              <span class="focus-area">{focusArea(focus)}</span>
              <span class="focus-note">{focusNote(focus)}</span>
            </button>
          </li>
        ))}
      </ol>
      {foci.length < results.foci.length ? (
        <Button onClick={() => showAll(true)}>Show all {withSeparators(results.foci.length)}</Button>
      ) : null}
      <p class="notice-text">{results.notice}</p>
    </>
  );
}

/** Foci that are too small to be listed. */
function LeftOut({ results: { fociLeftOut } }: { readonly results: SlideResults }) {
  if (fociLeftOut === null || fociLeftOut.count === 0) return null;
  const { count, minimumArea, inMicrons } = fociLeftOut;
  const unit = inMicrons ? "µm²" : "pixels";
  return (
    <p class="hint">
      {`${withSeparators(count)} smaller than ${minimumArea} ${unit} left out; the mask has them.`}
    </p>
  );
}

/** Draws a box around the chosen focus. */
function useFocusOutline(viewer: OpenViewer, focus: FocusEntry | null): void {
  useEffect(() => {
    if (focus === null) return undefined;
    const group = viewer.addGroup("focus");
    const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    box.setAttribute("class", "focus-box");
    box.setAttribute("vector-effect", "non-scaling-stroke");
    for (const name of ["x", "y", "width", "height"] as const)
      box.setAttribute(name, String(focus.box[name]));
    group.append(box);
    return () => group.remove();
  }, [viewer, focus]);
}

function squareMillimetres(value: number | null): string {
  return value === null ? "unknown" : areaText(value * 1e6);
}

function focusArea({ squareMicrons, level0Pixels }: FocusEntry): string {
  return squareMicrons === null ? `${withSeparators(level0Pixels)} px` : areaText(squareMicrons);
}

function focusNote({ diameterMicrons, meanProbability, sizeClass }: FocusEntry): string {
  return [
    diameterMicrons === null ? null : `⌀ ${lengthText(diameterMicrons)}`,
    meanProbability === null ? null : `p ${meanProbability.toFixed(2)}`,
    sizeClass === null ? null : SIZE_CLASSES[sizeClass],
  ]
    .filter((text) => text !== null)
    .join(" · ");
}
