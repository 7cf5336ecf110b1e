import { expect, it } from "vitest";
import { visibleText } from "../../src/common/index.js";

it.each([
  ["a\u001b[2Jb\r\u0085", "a\\x1b[2Jb\\x0d\\x85"],
  ["slide-\u202efit.exe\u202c.tif", "slide-\\u202efit.exe\\u202c.tif"],
  ["\u2066a\u2069 \u200f\u061c\u200b\u2028\ufeff", "\\u2066a\\u2069 \\u200f\\u061c\\u200b\\u2028\\ufeff"],
  ["line\n\tand text, שקופית, 😀, e\u0301, क्‍ष", "line\n\tand text, שקופית, 😀, e\u0301, क्‍ष"],
])("characters that hide something are written out, and no others: %j", (text, visible) => {
  expect(visibleText(text)).toBe(visible);
});
