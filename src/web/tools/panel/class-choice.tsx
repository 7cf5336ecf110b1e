import { useState } from "preact/hooks";
import { type ClassMeaning, classMeaningSchema } from "../../../contract/index.js";
import { showProblem } from "../../interface/index.js";
import { classesOf } from "../editing/classes.js";
import { chooseMeaning, knownClass, knownClasses } from "../store/class-meanings.js";
import type { ToolsState } from "./tools-state.js";

const MEANINGS: Readonly<Record<ClassMeaning, string>> = {
  tumour: "tumour",
  exclusion: "no tumour",
  unknown: "ignore: left out of training",
};

/** The class of what is selected, or else of what is drawn next; a class that is new gets a meaning first. */
export function ClassChoice({ state: { editor } }: { readonly state: ToolsState }) {
  const { selectedObjects, classification, store } = editor;
  const [typed, setTyped] = useState<{ readonly name: string; readonly on: string } | null>(null);
  const [first] = selectedObjects.value;
  // A name that was typed for one annotation is not given to another.
  const on = selectedObjects.value.map(({ id }) => id).join();
  const made = typed?.on === on ? typed.name : null;
  const current = first === undefined ? classification.value : first.classification;
  const used = classesOf(store.objects.value.values(), knownClasses.value);
  const set = (text: string) => {
    const name = text.trim();
    const isNew = name !== "" && knownClass(name) === undefined;
    setTyped(isNew ? { name, on } : null);
    if (!isNew) editor.classify(name === "" ? null : name);
  };
  const open = used.filter((name) => name !== made && name !== current && knownClass(name) === undefined);
  return (
    <>
      <label class="field">
        <span>{first === undefined ? "Class of new annotations" : "Class"}</span>
        <input
          type="text"
          list="annotation-classes"
          maxLength={200}
          placeholder="No class"
          value={made ?? current ?? ""}
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
    </>
  );
}

/** What a class means to training; nothing to choose for those that mean the same everywhere. */
function Meaning({ name, onChosen }: { readonly name: string; readonly onChosen?: () => void }) {
  const known = knownClass(name);
  if (known?.isFixed === true) return null;
  const choose = async (text: string) => {
    try {
      await chooseMeaning(name, classMeaningSchema.parse(text));
      onChosen?.();
    } catch (thrown) {
      showProblem(thrown);
    }
  };
  return (
    <label class="field meaning">
      <span>What “{name}” means to training</span>
      <select
        value={known?.meaning ?? ""}
        aria-invalid={known === undefined}
        onChange={({ currentTarget }) => void choose(currentTarget.value)}
      >
        {known === undefined ? (
          <option value="" disabled>
            choose …
          </option>
        ) : null}
        {classMeaningSchema.options.map((meaning) => (
          <option key={meaning} value={meaning}>
            {MEANINGS[meaning]}
          </option>
        ))}
      </select>
    </label>
  );
}
