import { useState } from "preact/hooks";
import { teachingLimits } from "../../../contract/index.js";
import { Button, RunChoice, ToolButton } from "../../interface/index.js";
import { workspace } from "../../state/workspace.js";
import { OppositeButton } from "../panel/opposite-button.js";
import type { ToolsState } from "../panel/tools-state.js";
import { TeachDialog } from "./teach-dialog.js";
import { canTeach, type TeachSession } from "./teach-session.js";

/** What belongs to teaching, in the strip over the slide. */
export function TeachOptions({ state: { teaching, input, editor } }: { readonly state: ToolsState }) {
  const { session, tool } = teaching;
  const [isKeeping, setKeeping] = useState(false);
  const squares = session.squares.value;
  const tumour = squares.filter((square) => square.tumour === 1).length;
  const isReady = canTeach(squares);
  return (
    <>
      <span class="tool-status" role="status" data-status={session.status.value}>
        {statusText(session, tumour, squares.length - tumour)}
      </span>
      <OppositeButton input={input} plain="Clicks are tumour" opposite="Clicks are not tumour" />
      <label class="brush-size">
        <span>Size</span>
        <input
          type="range"
          min={teachingLimits.leastSide}
          max={teachingLimits.mostSide}
          step={4}
          value={session.side.value}
          aria-valuetext={`${session.side.value} pixels`}
          onInput={({ currentTarget }) => {
            session.side.value = Number(currentTarget.value);
          }}
        />
      </label>
      <ToolButton
        icon="undo"
        title="Take the last square away"
        shortcut="Backspace"
        disabled={squares.length === 0}
        onClick={() => tool.removeLast()}
      />
      <TaughtRun session={session} />
      <Button kind="main" disabled={!isReady} onClick={() => setKeeping(true)}>
        Keep or apply …
      </Button>
      {session.suggestions.value.length === 0 ? null : (
        <span class="teach-question">
          <span>Least sure (?):</span>
          <Button onClick={() => tool.answer("tumour")}>Tumour (Y)</Button>
          <Button onClick={() => tool.answer("other")}>Not (N)</Button>
        </span>
      )}
      {isKeeping ? (
        <TeachDialog session={session} slide={editor.viewer.slide.value} onClose={() => setKeeping(false)} />
      ) : null}
    </>
  );
}

/** What is taught: a new head, or a run that squares can teach. */
function TaughtRun({ session: { run } }: { readonly session: TeachSession }) {
  const known = workspace.value;
  const runs = known.state === "ready" ? known.value.runs.filter(({ teachable }) => teachable) : [];
  if (runs.length === 0) return null;
  return (
    <RunChoice
      title="Teach"
      none="a new model"
      runs={runs}
      run={run.value}
      onChoose={(chosen) => {
        run.value = chosen;
      }}
    />
  );
}

function statusText(session: TeachSession, tumour: number, other: number): string {
  const counts = `${tumour} tumour, ${other} not`;
  const missing = teachingLimits.first - tumour - other;
  switch (session.status.value) {
    case "collecting":
      if (session.size.value === null) return `${counts}: getting ready …`;
      if (missing > 0) return `${counts}: ${missing} more for a map`;
      return `${counts}: a map needs both kinds`;
    case "teaching":
      return `${counts}: teaching …`;
    case "failed":
      return `${counts}: the map could not be made`;
    case "ready":
      if (session.isTooFar.value) return `${counts}: zoom in to see the map`;
      return session.isDraft.value ? `${counts}: draft shown …` : `${counts}: map shown`;
  }
}
