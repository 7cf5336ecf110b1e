import { describe, expect, it } from "vitest";
import { createShortcutRegistry, keyName } from "../../src/web/interface/shortcuts.js";

function pressed(key: string, ...modifiers: readonly ("ctrl" | "meta" | "alt" | "shift")[]): string {
  return keyName({
    key,
    ctrlKey: modifiers.includes("ctrl"),
    metaKey: modifiers.includes("meta"),
    altKey: modifiers.includes("alt"),
    shiftKey: modifiers.includes("shift"),
  });
}

describe("names of keys", () => {
  it.each([
    [pressed("z", "ctrl"), "Mod+z"],
    [pressed("Z", "meta", "shift"), "Mod+Shift+z"],
    [pressed("?", "shift"), "?"],
    [pressed("ArrowLeft", "shift"), "Shift+ArrowLeft"],
    [pressed(" "), "Space"],
    [pressed("+"), "+"],
    [pressed("R"), "r"],
  ])("%s is %s", (name, expected) => expect(name).toBe(expected));
});

describe("shortcut registry", () => {
  const shortcut = (title: string, scope: "page" | "slide" = "page") => ({
    key: "r",
    title,
    group: "View",
    scope,
    run: () => undefined,
  });

  it("prefers what was registered last, and forgets what was taken away", () => {
    const registry = createShortcutRegistry();
    registry.register(shortcut("first"));
    const remove = registry.register(shortcut("second"));
    expect(registry.find("r", ["page"])?.title).toBe("second");
    remove();
    expect(registry.find("r", ["page"])?.title).toBe("first");
    expect(registry.all.value).toHaveLength(1);
  });

  it("finds shortcuts of the slide only when the slide has the focus", () => {
    const registry = createShortcutRegistry();
    registry.register(shortcut("turn", "slide"));
    expect(registry.find("r", ["page"])).toBeUndefined();
    expect(registry.find("r", ["page", "slide"])?.title).toBe("turn");
  });
});
