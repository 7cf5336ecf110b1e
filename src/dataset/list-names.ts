/** How many names a message lists before it says "and n more"; more where each name is news. */
const NAMES_IN_MESSAGE = 5;
export const MANY_NAMES = 50;

/** The first few names, and how many more there are. */
export function listNames(names: readonly string[], most = NAMES_IN_MESSAGE): string {
  const shown = names.slice(0, most).join(", ");
  const rest = names.length - most;
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
