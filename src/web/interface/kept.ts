import { effect, type Signal, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import * as z from "zod/mini";
import { readStored, writeStored } from "./browser-storage.js";

/** A value that this tab keeps over a reload; the initial one where nothing of its kind was kept. */
export function keptSignal<Value>(
  name: string,
  schema: z.ZodMiniType<Value>,
  initial: NoInfer<Value>,
): Signal<Value> {
  const value = signal(readKept(name, schema, initial));
  effect(() => writeKept(name, value.value));
  return value;
}

/** State of a component that this tab keeps over a reload, such as what is typed into a field. */
export function useKept<Value>(
  name: string,
  schema: z.ZodMiniType<Value>,
  initial: NoInfer<Value>,
): [Value, (value: Value) => void] {
  const [value, setValue] = useState(() => readKept(name, schema, initial));
  return [
    value,
    (next) => {
      setValue(next);
      writeKept(name, next);
    },
  ];
}

function readKept<Value>(name: string, schema: z.ZodMiniType<Value>, initial: Value): Value {
  const text = readStored("sessionStorage", `ep-sam.${name}`);
  const read = text === null ? null : z.safeParse(schema, JSON.parse(text));
  return read?.success === true ? read.data : initial;
}

function writeKept(name: string, value: unknown): void {
  writeStored("sessionStorage", `ep-sam.${name}`, JSON.stringify(value));
}
