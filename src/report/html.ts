import { visibleText } from "../common/index.js";

/** A piece of markup in which every inserted text has been escaped; only this file can make one. */
class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/** What may stand in a `${}` of {@link html}; everything but {@link Html} is escaped as text. */
export type HtmlValue = Html | string | number | undefined | readonly HtmlValue[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Text made safe for element content and for quoted attributes; what names hide is written out. */
export function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? character);
}

function render(value: HtmlValue): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.toString();
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  return value.map(render).join("");
}

/**
 * Template tag: `html\`<p title="${a}">${b}</p>\`` escapes `a` and `b` unless they are markup themselves.
 * Attributes must be quoted, as in the example.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const parts = strings.map((literal, index) => literal + render(values[index]));
  return new Html(parts.join(""));
}

/** Takes a constant of this program, such as the style sheet, as markup; never for text from a run. */
export function trustedMarkup(constant: string): Html {
  return new Html(constant);
}

export type { Html };
