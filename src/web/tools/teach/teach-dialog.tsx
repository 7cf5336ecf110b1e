import { useState } from "preact/hooks";
import * as z from "zod/mini";
import { jobEntrySchema, type Problem, type SlideDetail } from "../../../contract/index.js";
import { paths, problemOf, requestJson } from "../../api/index.js";
import { Button, Dialog, ProblemNote, showMessage, useKept } from "../../interface/index.js";
import { takeJob } from "../../state/workspace.js";
import type { TeachSession } from "./teach-session.js";

interface TeachDialogProps {
  readonly session: TeachSession;
  readonly slide: SlideDetail;
  onClose(): void;
}

/** Makes a run of what the squares have taught, and segments the slide with it where that is wanted. */
export function TeachDialog({ session, slide, onClose }: TeachDialogProps) {
  const [typed, setTyped] = useKept(`taught-name.${slide.id}`, z.nullable(z.string()), null);
  const [usual] = useState(() => usualName(slide.name));
  const name = typed ?? usual;
  const [problem, setProblem] = useState<Problem | null>(null);
  const [sending, setSending] = useState(false);
  const start = async (apply: boolean): Promise<void> => {
    setSending(true);
    setProblem(null);
    const run = session.run.value;
    const request = {
      ...{ kind: "teach", name: name.trim(), slide: slide.id, squares: session.squares.value, apply },
      ...(run === null ? {} : { run }),
    };
    try {
      takeJob(await requestJson(jobEntrySchema, paths.jobs, { method: "POST", body: request }));
      showMessage(
        apply
          ? "The slide is being segmented. Jobs shows how far it is; the results appear among the layers."
          : "The run is being made. It appears among the runs.",
      );
      setTyped(null);
      onClose();
    } catch (cause) {
      setProblem(problemOf(cause));
      setSending(false);
    }
  };
  return (
    <Dialog title="Keep what the squares have taught" onClose={onClose}>
      <p>
        A run is made of {session.squares.value.length} squares, which it keeps. The command line opens it,
        too.
      </p>
      <label class="field">
        <span>Name of the run</span>
        <input
          type="text"
          maxLength={64}
          value={name}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </label>
      {problem === null ? null : <ProblemNote problem={problem} />}
      <p class="dialog-actions">
        <Button kind="main" disabled={sending} onClick={() => void start(true)}>
          Apply to the slide
        </Button>
        <Button disabled={sending} onClick={() => void start(false)}>
          Keep only
        </Button>
      </p>
    </Dialog>
  );
}

/** A name that no other is likely to have: of the slide, and the time. */
function usualName(slide: string): string {
  const plain = slide
    .replace(/\.[^.]+$/, "")
    .replace(/[^\p{L}\p{N}._-]+/gu, " ")
    .trim();
  const time = new Date().toISOString().slice(0, 16).replaceAll(":", ".").replace("T", " ");
  return `${plain.slice(0, 40)} squares ${time}`.trim();
}
