import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Check, Select } from "../interface/index.js";

interface FieldProps {
  readonly title: string;
  readonly hint?: string;
  readonly error: string | undefined;
  readonly children: (attributes: {
    readonly id: string;
    readonly "aria-describedby": string;
    readonly "aria-invalid": boolean;
  }) => ComponentChildren;
}

/** A field of a form with its name, a hint, and what is wrong with it. */
export function Field({ title, hint, error, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{title}</label>
      {children({ id, "aria-describedby": `${id}-note`, "aria-invalid": error !== undefined })}
      <p id={`${id}-note`} class={error === undefined ? "hint" : "field-error"}>
        {error ?? hint ?? ""}
      </p>
    </div>
  );
}

interface TextFieldProps extends Omit<FieldProps, "children"> {
  readonly value: string;
  readonly placeholder?: string;
  readonly numeric?: boolean;
  onInput(value: string): void;
}

/** A line of text or a number. */
export function TextField({ value, placeholder = "", numeric = false, onInput, ...field }: TextFieldProps) {
  return (
    <Field {...field}>
      {(attributes) => (
        <input
          {...attributes}
          type="text"
          inputMode={numeric ? "decimal" : "text"}
          autocomplete="off"
          value={value}
          placeholder={placeholder}
          onInput={({ currentTarget }) => onInput(currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface SelectFieldProps<Value extends string> extends Omit<FieldProps, "children"> {
  readonly value: Value;
  readonly choices: readonly (readonly [value: Value, words: string])[];
  onChoose(value: Value): void;
}

/** One of several. */
export function SelectField<Value extends string>({
  value,
  choices,
  onChoose,
  ...field
}: SelectFieldProps<Value>) {
  return (
    <Field {...field}>{(attributes) => <Select {...attributes} {...{ value, choices, onChoose }} />}</Field>
  );
}

interface CheckListProps {
  readonly title: string;
  readonly items: readonly { readonly id: string; readonly name: string; readonly note: string }[];
  readonly chosen: readonly string[];
  readonly error: string | undefined;
  onChoose(chosen: readonly string[]): void;
}

/** Any number of several. */
export function CheckList({ title, items, chosen, error, onChoose }: CheckListProps) {
  const note = useId();
  const all = items.length > 0 && items.every(({ id }) => chosen.includes(id));
  return (
    <fieldset class="field check-list" aria-describedby={note}>
      <legend>{title}</legend>
      {items.length > 1 ? (
        <Check checked={all} onChange={() => onChoose(all ? [] : items.map(({ id }) => id))}>
          All
        </Check>
      ) : null}
      <div class="check-items">
        {items.map(({ id, name, note: words }) => (
          <Check
            key={id}
            checked={chosen.includes(id)}
            onChange={(checked) => onChoose(checked ? [...chosen, id] : chosen.filter((one) => one !== id))}
          >
            {name} <span class="hint">{words}</span>
          </Check>
        ))}
      </div>
      <p id={note} class={error === undefined ? "hint" : "field-error"}>
        {error ?? ""}
      </p>
    </fieldset>
  );
}
