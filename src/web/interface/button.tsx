import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.js";

interface ToolButtonProps {
  readonly icon: IconName;
  /** Its name: for screen readers, and shown when the pointer rests on it. */
  readonly title: string;
  /** The key that does the same, shown beside the title. */
  readonly shortcut?: string;
  /** For buttons that stay pressed. */
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly class?: string;
  /** A part of the title that is always seen, where the drawing alone does not say it to a finger. */
  readonly word?: string;
  onClick(): void;
}

/** A button that is a drawing. */
export function ToolButton(props: ToolButtonProps) {
  const { icon, title, shortcut, pressed, disabled, word, onClick, ...rest } = props;
  const hint = shortcut === undefined ? title : `${title} (${shortcut})`;
  return (
    <button
      type="button"
      class={`tool-button ${word === undefined ? "" : "worded"} ${rest.class ?? ""}`}
      aria-label={title}
      title={hint}
      disabled={disabled ?? false}
      onClick={onClick}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
    >
      <Icon name={icon} />
      {word}
    </button>
  );
}

interface ButtonProps {
  readonly children: ComponentChildren;
  /** `main` for what one mostly came for, `danger` for what cannot be taken back. */
  readonly kind?: "main" | "plain" | "danger";
  readonly type?: "button" | "submit";
  readonly disabled?: boolean;
  readonly onClick?: () => void;
}

/** A button with words. */
export function Button({
  children,
  kind = "plain",
  type = "button",
  disabled = false,
  onClick,
}: ButtonProps) {
  return (
    <button type={type} class={`button ${kind}`} disabled={disabled} onClick={() => onClick?.()}>
      {children}
    </button>
  );
}
