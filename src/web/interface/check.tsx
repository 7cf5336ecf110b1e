import type { ComponentChildren } from "preact";

interface CheckProps {
  readonly checked: boolean;
  readonly children: ComponentChildren;
  onChange(checked: boolean): void;
}

/** Something that is so or not. */
export function Check({ checked, children, onChange }: CheckProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      <span>{children}</span>
    </label>
  );
}
