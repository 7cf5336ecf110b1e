import { letterShortcuts } from "./preferences.js";
import { createShortcutRegistry, keyName } from "./shortcuts.js";

const registry = createShortcutRegistry();

/** The page's shortcuts. */
export const shortcuts = registry;

/** Fields that are typed into, where keys are letters and Ctrl+Z belongs to the text. */
const TEXT_FIELDS =
  "input:not([type=checkbox], [type=radio], [type=range]), select, textarea, [contenteditable]";
/** Controls that arrow keys and the space bar move. */
const CONTROLS = "input, button, a, summary, [role=tab]";

/** Runs shortcuts when their keys are pressed. */
export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : document.body;
    // Also where a click beside its fields has taken the focus: what lies behind a dialog is not meant.
    if (document.querySelector("dialog:modal") !== null) return;
    const key = keyName(event);
    const isLetter = [...key].length === 1;
    if (key !== "Escape" && target.matches(TEXT_FIELDS)) return;
    if (!isLetter && !key.includes("+") && key !== "Escape" && target.matches(CONTROLS)) return;
    if (letterShortcuts.value === "off" && isLetter) return;
    const onSlide = target.closest(".slide-view") !== null;
    const shortcut = registry.find(key, onSlide ? ["slide", "page"] : ["page"]);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run(event);
  });
}
