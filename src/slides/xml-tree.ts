import { SaxesParser } from "saxes";
import { isEpSamError, messageOf } from "../common/index.js";
import { slideError } from "./slide-error.js";

/** Elements of one document; slides' metadata have a few thousand. */
const MAX_ELEMENTS = 100_000;
const MAX_DEPTH = 64;
/** Characters given to the parser at a time, so that limits are noticed early. */
const CHUNK = 2 ** 16;

/** An element of a document, by its name without prefix. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** The text directly in the element, its children's left out. */
  readonly text: string;
}

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

/**
 * Parses the metadata of a slide.
 * @throws EpSamError `slide` when it is not well-formed, deeper or larger than metadata are, or declares a
 *   document type, where entities would be defined
 */
export function parseXml(path: string, text: string): XmlElement {
  const stack: OpenElement[] = [];
  let root: OpenElement | null = null;
  let elements = 0;
  const fail = (why: string): never => {
    throw slideError(path, "has metadata that cannot be read", why);
  };
  const parser = new SaxesParser();
  parser.on("error", (failure) => fail(`its XML is not well-formed: ${failure.message}`));
  parser.on("doctype", () => fail("its XML declares a document type, where entities could be defined"));
  parser.on("opentag", ({ name, attributes }) => {
    elements += 1;
    if (elements > MAX_ELEMENTS || stack.length >= MAX_DEPTH) fail("its XML is larger than any slide's");
    const element: OpenElement = { name: localName(name), attributes, children: [], text: "" };
    stack.at(-1)?.children.push(element);
    root ??= element;
    stack.push(element);
  });
  parser.on("closetag", () => stack.pop());
  const addText = (more: string): void => {
    const open = stack.at(-1);
    if (open !== undefined) open.text += more;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  try {
    for (let at = 0; at < text.length; at += CHUNK) parser.write(text.slice(at, at + CHUNK));
    parser.close();
  } catch (cause) {
    if (isEpSamError(cause)) throw cause;
    fail(`its XML is not well-formed: ${messageOf(cause)}`);
  }
  return root ?? fail("its XML has no element");
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** All elements of a name below `element`, in the document's order. */
export function descendants(element: XmlElement, name: string): XmlElement[] {
  return element.children.flatMap((child) => [
    ...(child.name === name ? [child] : []),
    ...descendants(child, name),
  ]);
}

/** The first child of a name. */
export function childNamed(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}
