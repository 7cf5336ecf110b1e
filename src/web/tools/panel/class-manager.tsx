import { useState } from "preact/hooks";
import * as z from "zod/mini";
import {
  type ClassChoice,
  type ClassMeaning,
  classMeaningSchema,
  editLimits,
} from "../../../contract/index.js";
import {
  announce,
  Button,
  Dialog,
  Select,
  showMessage,
  showProblem,
  useKept,
} from "../../interface/index.js";
import { authorName } from "../../interface/preferences.js";
import { classesOf, colourOfClass, USUAL_CLASSES } from "../editing/classes.js";
import { chooseOfClass, removeClass, renameClass } from "../store/class-meanings.js";
import { isMeant, keyOfClass, knownClass, knownClasses, nameKey } from "../store/known-classes.js";
import { MeaningSelect } from "./class-field.js";
import type { ToolsState } from "./tools-state.js";

/** Classes, their names, colours, number keys and what they mean to training. */
export function ClassManager({ state }: { readonly state: ToolsState }) {
  const { editor, classesShown } = state;
  if (!classesShown.value) return null;
  const objects = [...editor.store.objects.value.values()];
  return (
    <Dialog
      title="Classes"
      wide
      onClose={() => {
        classesShown.value = false;
      }}
    >
      <ul class="class-list">
        {classesOf(objects, knownClasses.value).map((name) => (
          <ClassRow
            key={name}
            name={name}
            count={objects.filter(({ classification }) => classification === name).length}
            state={state}
          />
        ))}
      </ul>
      <NewClass />
      <p class="hint">
        Classes are the same on every slide. A new name changes the annotations of every slide; each slide can
        take that back by its own Undo.
      </p>
    </Dialog>
  );
}

async function choose(choice: ClassChoice, said = `${choice.name}: changed`): Promise<void> {
  try {
    await chooseOfClass(choice);
    announce(said);
  } catch (thrown) {
    showProblem(thrown);
  }
}

async function remove(name: string, { editor }: ToolsState): Promise<void> {
  if (editor.store.hasUnsaved) {
    showMessage("Wait until everything is saved.");
    return;
  }
  try {
    await removeClass(name);
    announce(`Class ${name} deleted`);
    if (editor.classification.value === name) editor.classification.value = USUAL_CLASSES[0];
  } catch (thrown) {
    showProblem(thrown);
  }
}

const KEYS = ["", 1, 2, 3, 4, 5, 6, 7, 8, 9].map(
  (key) => [`${key}`, key === "" ? "no key" : `key ${key}`] as const,
);

interface ClassRowProps {
  readonly name: string;
  /** Annotations of the open slide. */
  readonly count: number;
  readonly state: ToolsState;
}

function ClassRow({ name, count, state }: ClassRowProps) {
  const known = knownClass(name);
  return (
    <li>
      <fieldset class="class-row">
        <legend class="visually-hidden">{name}</legend>
        <input
          type="color"
          aria-label={`Colour of ${name}`}
          disabled={!isMeant(name)}
          value={colourOfClass(name)}
          onChange={({ currentTarget }) => void choose({ name, colour: currentTarget.value })}
        />
        <ClassName name={name} state={state} />
        <MeaningChoice
          label={`What “${name}” means to training`}
          meaning={known?.meaning ?? ""}
          isFixed={known?.isFixed === true}
          onChoose={(meaning) => void choose({ name, meaning })}
        />
        <Select
          aria-label={`Number key of ${name}`}
          disabled={!isMeant(name)}
          value={`${keyOfClass(name) ?? ""}`}
          choices={KEYS}
          onChoose={(key) => void choose({ name, key: key === "" ? null : Number(key) })}
        />
        <span class="hint">{count === 1 ? "1 here" : `${count} here`}</span>
        {known?.isFixed === false ? (
          <Button onClick={() => void remove(name, state)}>
            Delete<span class="visually-hidden"> class {name}</span>
          </Button>
        ) : null}
      </fieldset>
    </li>
  );
}

/** A class's name, which can be typed over where it is not the program's own. */
function ClassName({ name, state: { editor } }: { readonly name: string; readonly state: ToolsState }) {
  const [typed, setTyped] = useState(name);
  const [sending, setSending] = useState(false);
  const known = knownClass(name);
  const isOwn = known?.isFixed === true && known.meaning !== "tumour" && known.meaning !== "exclusion";
  if (isOwn) return <span class="class-name">{name}</span>;
  const to = typed.trim();
  const rename = async () => {
    if (editor.store.hasUnsaved) {
      showMessage("Wait until everything is saved.");
      return;
    }
    setSending(true);
    try {
      const author = authorName.peek().trim();
      const renamed = await renameClass({ from: name, to, ...(author === "" ? {} : { author }) });
      if (editor.classification.value === name) editor.classification.value = to;
      showMessage(renamedText(name, to, renamed));
    } catch (thrown) {
      showProblem(thrown);
    } finally {
      setSending(false);
    }
  };
  return (
    <form
      class="class-name"
      onSubmit={(event) => {
        event.preventDefault();
        void rename();
      }}
    >
      <input
        type="text"
        aria-label={`Name of ${name}`}
        maxLength={editLimits.text}
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
      />
      {to === "" || to === name ? null : (
        <Button type="submit" disabled={sending}>
          Rename
        </Button>
      )}
    </form>
  );
}

function renamedText(
  from: string,
  to: string,
  { slides, objects }: { readonly slides: number; readonly objects: number },
): string {
  const where = slides === 1 ? "1 slide" : `${slides} slides`;
  const what = objects === 1 ? "1 annotation" : `${objects} annotations`;
  return `“${from}” is “${to}” now: ${what} on ${where}.`;
}

interface MeaningChoiceProps {
  readonly label: string;
  /** Empty while nobody has chosen. */
  readonly meaning: string;
  readonly isFixed: boolean;
  onChoose(meaning: ClassMeaning): void;
}

function MeaningChoice({ label, meaning, isFixed, onChoose }: MeaningChoiceProps) {
  if (isFixed) return <span class="class-meaning">{FIXED_MEANINGS[meaning] ?? meaning}</span>;
  return (
    <MeaningSelect
      class="class-meaning"
      aria-label={label}
      asking="meaning …"
      meaning={meaning}
      onChoose={onChoose}
    />
  );
}

/** What the meanings are called that come with a name. */
const FIXED_MEANINGS: Readonly<Record<string, string>> = {
  tumour: "tumour",
  exclusion: "no tumour",
  reviewed: "has been looked at",
  ignored: "nothing to training",
  "left-out": "left out of training",
  unknown: "not judged",
};

/** A class that nobody has used yet. */
function NewClass() {
  const [name, setName] = useKept("new-class", z.string(), "");
  const [meaning, setMeaning] = useKept(
    "new-class-meaning",
    z.union([classMeaningSchema, z.literal("")]),
    "",
  );
  const isThere = knownClasses.value.some((one) => nameKey(one.name) === nameKey(name));
  const add = async () => {
    if (meaning === "") return;
    await choose({ name: name.trim(), meaning }, `Class ${name.trim()} added`);
    setName("");
    setMeaning("");
  };
  return (
    <form
      class="class-row"
      aria-label="New class"
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <input
        class="class-name"
        type="text"
        aria-label="Name of a new class"
        placeholder="New class"
        maxLength={editLimits.text}
        value={name}
        onInput={({ currentTarget }) => setName(currentTarget.value)}
      />
      <MeaningChoice
        label="What the new class means to training"
        meaning={meaning}
        isFixed={false}
        onChoose={setMeaning}
      />
      <Button type="submit" disabled={name.trim() === "" || meaning === "" || isThere}>
        Add
      </Button>
      {isThere ? <span class="hint">There is one of that name.</span> : null}
    </form>
  );
}
