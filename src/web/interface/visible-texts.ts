import { type ComponentChildren, Fragment, options, type VNode } from "preact";
import { visibleText } from "../../common/portable.js";

/** Attributes that are read, by people or to them. */
const READ = ["title", "aria-label", "alt", "placeholder"] as const;

/** Lets every text of the page show what names hide; what is typed into fields stays as it is. */
export function showHiddenCharacters(): void {
  const before = options.vnode;
  options.vnode = (vnode: VNode<Record<string, unknown>>) => {
    const { type, props } = vnode;
    if (typeof type === "string") {
      for (const name of READ) {
        const text = props[name];
        if (typeof text === "string") props[name] = visibleText(text);
      }
    }
    if (typeof type === "string" || type === Fragment) props.children = visibleChildren(props.children);
    before?.(vnode);
  };
}

function visibleChildren(children: ComponentChildren): ComponentChildren {
  if (typeof children === "string") return visibleText(children);
  return Array.isArray(children) ? children.map(visibleChildren) : children;
}
