import { Check, Dialog, shortcuts } from "../interface/index.js";
import { letterShortcuts } from "../interface/preferences.js";

const SIGNS: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  Delete: "Del",
  Mod: navigator.userAgent.includes("Mac") ? "⌘" : "Ctrl",
};

/** All keyboard shortcuts, as they stand now. */
export function HelpSheet({ onClose }: { readonly onClose: () => void }) {
  const all = shortcuts.all.value.filter(({ hidden }) => hidden !== true);
  const groups = [...new Set(all.map(({ group }) => group))];
  return (
    <Dialog title="Keyboard shortcuts" wide onClose={onClose}>
      <div class="help-groups">
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl class="keys">
              {all
                .filter((shortcut) => shortcut.group === group)
                .map(({ key, title, scope }) => (
                  <div key={`${key}${title}`}>
                    <dt>
                      <Keys name={key} />
                    </dt>
                    <dd>
                      {title}
                      {scope === "slide" ? <span class="hint"> with the focus on the slide</span> : null}
                    </dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
      <Check
        checked={letterShortcuts.value === "on"}
        onChange={(isOn) => {
          letterShortcuts.value = isOn ? "on" : "off";
        }}
      >
        Single letters are shortcuts
      </Check>
      <p class="hint">
        Tab moves through everything on the page. On the slide, the wheel or two fingers zoom, dragging moves,
        a double click zooms in.
      </p>
    </Dialog>
  );
}

function Keys({ name }: { readonly name: string }) {
  const parts = name === "+" ? ["+"] : name.split("+").map((part) => (part === "" ? "+" : part));
  return (
    <>
      {parts.map((part) => (
        <kbd key={part}>{SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part)}</kbd>
      ))}
    </>
  );
}
