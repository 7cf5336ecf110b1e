/**
 * A difference with its sign and three decimals, such as `+0.012`; what rounds to zero has no sign.
 * @param minus of negative ones: a true minus on a page, a hyphen in a terminal
 */
export function signed(difference: number, minus: "-" | "−" = "-"): string {
  const size = Math.abs(difference).toFixed(3);
  if (Number(size) === 0) return size;
  return `${difference < 0 ? minus : "+"}${size}`;
}
