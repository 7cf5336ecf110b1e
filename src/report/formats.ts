/** A number rounded for a coordinate in a drawing. */
export function coordinate(value: number): number {
  return Number(value.toFixed(2));
}

/** A count with thin grouping, for example `12 480`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Seconds as `2 h 05 min`, `7 min 30 s` or `12.4 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "unknown";
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours === 0) return `${minutes} min ${String(rest).padStart(2, "0")} s`;
  return `${hours} h ${String(minutes).padStart(2, "0")} min`;
}

/** An ISO 8601 moment as `2026-11-23 14:05 UTC`; any other text is returned as it came. */
export function formatMoment(moment: string): string {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return moment;
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** A fraction between 0 and 1 with three decimals. */
export function formatFraction(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : "not defined";
}

/** A difference with its sign, using the true minus sign. */
export function formatChange(difference: number): string {
  const rounded = Number(difference.toFixed(3));
  if (rounded === 0) return "±0.000";
  return `${rounded > 0 ? "+" : "−"}${Math.abs(rounded).toFixed(3)}`;
}

/** A measured value with four significant digits, for tables below a chart. */
export function formatValue(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "not finite";
}

/** A word in the right number, for example `1 patch`, `3 patches`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}
