import { useState } from "preact/hooks";
import * as z from "zod/mini";
import { type ClassMeaning, classMeaningSchema } from "../../../contract/index.js";
import { Button, showProblem, useKept } from "../../interface/index.js";
import { classesOf, MEANINGS } from "../editing/classes.js";
import { chooseOfClass } from "../store/class-meanings.js";
import { isMeant, knownClass, knownClasses } from "../store/known-classes.js";
import type { ToolsState } from "./tools-state.js";

/** A name that has no meaning yet, and the annotations that it was typed for; none for what is drawn next. */
const typedClass = z.nullable(z.object({ name: z.string(), on: z.string() }));

/** The class of what is selected, or else of what is drawn next; a class that is new gets a meaning first. */
export function ClassField({ state }: { readonly state: ToolsState }) {
  const { editor, classesShown } = state;
  const { selectedObjects, classification, store } = editor;
  const [typed, setTyped] = useKept(`typed-class.${editor.viewer.slide.peek().id}`, typedClass, null);
  // What is being typed: news of others must not write over it.
  const [draft, setDraft] = useState<string | null>(null);
  const [first] = selectedObjects.value;
  // A name that was typed for one annotation is not given to another.
  const on = selectedObjects.value.map(({ id }) => id).join();
  const made = typed?.on === on ? typed.name : null;
  const current = first === undefined ? classification.value : first.classification;
  const objects = store.objects.value;
  const used = classesOf(objects.values(), knownClasses.value);
  const set = (text: string) => {
    setDraft(null);
    const name = text.trim();
    const isNew = name !== "" && !isMeant(name);
    setTyped(isNew ? { name, on } : null);
    if (!isNew) editor.classify(name === "" ? null : name);
  };
  const open = classesOf(objects.values()).filter(
    (name) => name !== made && name !== current && !isMeant(name),
  );
  return (
    <>
      <label class="field">
        <span>{first === undefined ? "Class of new annotations" : "Class"}</span>
        <input
          type="text"
          list="annotation-classes"
          maxLength={200}
          placeholder="No class"
          value={draft ?? made ?? current ?? ""}
          onInput={({ currentTarget }) => setDraft(currentTarget.value)}
          onChange={({ currentTarget }) => set(currentTarget.value)}
        />
        <datalist id="annotation-classes">
          {used.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
      {made === null ? null : (
        <Meaning
          name={made}
          onChosen={() => {
            setTyped(null);
            editor.classify(made);
          }}
        />
      )}
      {made === null && current !== null ? <Meaning name={current} /> : null}
      {open.map((name) => (
        <Meaning key={name} name={name} />
      ))}
      <p class="button-row">
        <Button
          onClick={() => {
            classesShown.value = true;
          }}
        >
          Classes …
        </Button>
      </p>
    </>
  );
}

/** What a class means to training; nothing to choose for those that mean the same everywhere. */
function Meaning({ name, onChosen }: { readonly name: string; readonly onChosen?: () => void }) {
  const known = knownClass(name);
  if (known?.isFixed === true) return null;
  const choose = async (meaning: ClassMeaning) => {
    try {
      await chooseOfClass({ name, meaning });
      onChosen?.();
    } catch (thrown) {
      showProblem(thrown);
    }
  };
  return (
    <label class="field meaning">
      <span>What “{name}” means to training</span>
      <MeaningSelect
        asking="choose …"
        meaning={known?.meaning ?? ""}
        onChoose={(meaning) => void choose(meaning)}
      />
    </label>
  );
}

interface MeaningSelectProps {
  readonly class?: string;
  readonly "aria-label"?: string;
  /** What stands there while nobody has chosen: the meaning is empty then. */
  readonly asking: string;
  readonly meaning: string;
  onChoose(meaning: ClassMeaning): void;
}

/** What a class can mean to training. */
export function MeaningSelect({ asking, meaning, onChoose, ...attributes }: MeaningSelectProps) {
  return (
    <select
      {...attributes}
      value={meaning}
      aria-invalid={meaning === ""}
      onChange={({ currentTarget }) => onChoose(classMeaningSchema.parse(currentTarget.value))}
    >
      {meaning === "" ? (
        <option value="" disabled>
          {asking}
        </option>
      ) : null}
      {classMeaningSchema.options.map((one) => (
        <option key={one} value={one}>
          {MEANINGS[one]}
        </option>
      ))}
    </select>
  );
}
