type Listeners<Events> = { readonly [Name in keyof Events]?: (event: Events[Name]) => void };

/**
 * Listens to events of the page, or of an element of it.
 * @returns ends it
 */
export function listen<Target extends Window | HTMLElement>(
  target: Target,
  listeners: Listeners<Target extends Window ? WindowEventMap : HTMLElementEventMap>,
  options?: AddEventListenerOptions,
): () => void {
  const controller = new AbortController();
  const all: object = listeners;
  for (const [name, listener] of Object.entries(all)) {
    target.addEventListener(name, listener, { ...options, signal: controller.signal });
  }
  return () => controller.abort();
}
