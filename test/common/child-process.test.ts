import { describe, expect, it } from "vitest";
import { z } from "zod";
import { AnsweringChild, ChildLost, lastLine, moduleBeside } from "../../src/common/index.js";

const module = moduleBeside(import.meta.url, "./answering-child");

describe("a process that answers questions", () => {
  it("answers with bytes as they are, in any order, and ends by itself", async () => {
    const child = new AnsweringChild<unknown>({ module });
    const slow = child.ask({ kind: "wait", milliseconds: 300 }, z.number());
    const bytes = await child.ask({ kind: "bytes", length: 3 }, z.instanceof(Uint8Array));
    expect([...bytes]).toEqual([7, 7, 7]);
    expect(await slow).toBe(300);
    await child.ask({ kind: "complain", text: "that is all" }, z.null());
    expect(await child.finish()).toBe("that is all\n");
    expect(child.isLost).toBe(true);
  }, 60_000);

  it("passes on what was thrown there", async () => {
    const child = new AnsweringChild<unknown>({ module });
    await expect(child.ask({ kind: "fail", what: "is odd" }, z.null())).rejects.toMatchObject({
      tag: "slide",
      fields: { what: "is odd", where: "a.svs" },
    });
    await expect(child.ask({ kind: "throw" }, z.null())).rejects.toThrowError(/^just so$/);
    await expect(child.ask({ kind: "unheard of" }, z.null())).rejects.toThrowError(/invalid/i);
    await expect(child.ask({ kind: "bytes", length: 3 }, z.number())).rejects.toThrowError(/expected number/);
    expect(child.isLost).toBe(false);
    child.end();
  }, 60_000);

  it("fails every question when it ends, and says how and what it wrote", async () => {
    let losses = 0;
    const onLost = () => {
      losses += 1;
    };
    const child = new AnsweringChild<unknown>({ module, onLost, atOnce: 2 });
    const asked = ["wait", "exit", "wait"].map((kind) => child.ask({ kind, milliseconds: 1e6 }, z.number()));
    for (const one of asked)
      await expect(one).rejects.toThrowError(/^its process ended with code 5: the reason$/);
    await expect(child.ask({ kind: "wait", milliseconds: 1 }, z.number())).rejects.toBeInstanceOf(ChildLost);
    expect(losses).toBe(1);
  }, 60_000);

  it("is ended when it does not answer in time", async () => {
    const child = new AnsweringChild<unknown>({ module });
    expect(await child.ask({ kind: "wait", milliseconds: 1 }, z.number())).toBe(1);
    await expect(child.ask({ kind: "wait", milliseconds: 1e6 }, z.number(), 50)).rejects.toThrowError(
      "no answer within 0.05 s",
    );
    expect(child.isLost).toBe(true);
  }, 60_000);
});

describe("the last line", () => {
  it("is undefined when nothing was written", () => {
    expect([lastLine(""), lastLine("\n \n"), lastLine("a\nb\n")]).toEqual([undefined, undefined, "b"]);
  });
});
