import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { listen } from "./index.js";
import { placesDrawn, rowWindow } from "./row-window.js";

interface LongListProps<Item> {
  /** Its style gives `--pitch`, the height of a row with what is between two, and may give `--least`, the least width of a column. */
  readonly class: string;
  readonly items: readonly Item[];
  /** Id of the item that comes into view when it becomes another. */
  readonly current?: string | null;
  readonly children: (item: Item) => ComponentChildren;
}

/** Items that are drawn before anything is measured. */
const DRAWN_FIRST = 12;

/**
 * A list of which only what is near the screen is drawn, however long it is. The first, the last and the current item are
 * drawn too, and the neighbours of the one with the focus: whoever goes from one to the next with the keyboard always
 * finds it. Each item tells its place and how many there are.
 */
export function LongList<Item extends { readonly id: string }>(props: LongListProps<Item>) {
  const { items, current = null, children } = props;
  const list = useRef<HTMLUListElement>(null);
  const { first, end, columns } = useSeen(list, items.length);
  const [focused, setFocused] = useState<number | null>(null);
  const at = current === null ? -1 : items.findIndex(({ id }) => id === current);
  useLayoutEffect(() => {
    list.current?.querySelector(`[aria-posinset="${at + 1}"]`)?.scrollIntoView({ block: "nearest" });
    // Where a list that is filtered has been scrolled to stays as it is.
  }, [current]);
  const near = focused === null ? [] : [focused - 1, focused, focused + 1];
  const drawn = placesDrawn(items.length, { first, end }, [0, items.length - 1, at, ...near]);
  return (
    <ul
      ref={list}
      class={`long-list ${props.class}`}
      style={{ "--rows": Math.ceil(items.length / columns), "--columns": columns }}
      onFocusIn={({ target }) => {
        const item = target instanceof Element ? target.closest("[aria-posinset]") : null;
        setFocused(item === null ? null : Number(item.getAttribute("aria-posinset")) - 1);
      }}
      onFocusOut={() => setFocused(null)}
    >
      {drawn.map((place) => {
        const item = items[place];
        return item === undefined ? null : (
          <li
            key={item.id}
            aria-posinset={place + 1}
            aria-setsize={items.length}
            style={{ "--row": Math.floor(place / columns), "--column": place % columns }}
          >
            {children(item)}
          </li>
        );
      })}
    </ul>
  );
}

/** What of a list is near the screen, by place of its items, and in how many columns they stand. */
function useSeen(
  list: { readonly current: HTMLUListElement | null },
  count: number,
): { readonly first: number; readonly end: number; readonly columns: number } {
  const [seen, setSeen] = useState({ first: 0, end: DRAWN_FIRST, columns: 1 });
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return undefined;
    const measure = () => {
      const rowHeight = element.firstElementChild?.getBoundingClientRect().height ?? 0;
      // Nothing is in it, or it is folded away.
      if (rowHeight === 0) return;
      const { top, width } = element.getBoundingClientRect();
      const least = Number.parseFloat(getComputedStyle(element).getPropertyValue("--least"));
      const columns = Math.max(1, Math.floor(width / least) || 1);
      const beyond = Math.ceil(innerHeight / rowHeight / 2);
      const rows = Math.ceil(count / columns);
      const { first, end } = rowWindow(rows, { rowHeight, top: -top, height: innerHeight, beyond });
      const next = { first: first * columns, end: end * columns, columns };
      setSeen((known) =>
        known.first === next.first && known.end === next.end && known.columns === columns ? known : next,
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    // Whatever it lies in is scrolled.
    const end = listen(window, { scroll: measure, resize: measure }, { capture: true, passive: true });
    return () => {
      observer.disconnect();
      end();
    };
  }, [list, count]);
  return seen;
}
