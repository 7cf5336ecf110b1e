export { Button, ToolButton } from "./button.js";
export { Dialog } from "./dialog.js";
export { Icon, type IconName } from "./icon.js";
export { listenToKeys, shortcuts } from "./keyboard.js";
export { announce, Notices, showMessage, showProblem } from "./notices.js";
export { ProblemNote, withLabels } from "./problem-note.js";
export { type Loaded, Resource, useResource } from "./resource.js";
export type { Shortcut, ShortcutRegistry } from "./shortcuts.js";
export { type Tab, Tabs } from "./tabs.js";
