// Order keys: strings between which there is always room for one more.
//
// A key is a fraction in base 62, written without "0." and never ending in "0". Keys compare as plain strings.
// Source: Figma's fractional ordering of multiplayer objects; midpoint after D. Greenspan, "Implementing
// Fractional Indexing". Appending counts up instead of halving, so that n appends cost O(n / 60) characters.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const MIDDLE = "V";

// Characters of other writers count as the nearest digit below them, so a foreign key never throws.
const value = (key: string, at: number): number => {
  const char = key[at];
  if (char === undefined) return 0;
  const found = DIGITS.indexOf(char);
  return found >= 0 ? found : Math.max(0, [...DIGITS].filter((digit) => digit < char).length - 1);
};

const digit = (index: number): string => DIGITS.charAt(index);

const after = (low: string): string => {
  for (let at = 0; at < low.length; at += 1) {
    const next = value(low, at) + 1;
    if (next < DIGITS.length) return low.slice(0, at) + digit(next);
  }
  return low + MIDDLE;
};

const middle = (low: string, high: string): string => {
  let prefix = "";
  for (let at = 0; ; at += 1) {
    const from = value(low, at);
    // Once the prefix is below `high`, everything that follows may go up to the end.
    const below = prefix < high.slice(0, at);
    const to = below || at >= high.length ? DIGITS.length : value(high, at);
    if (to - from > 1) return prefix + digit(from + Math.floor((to - from) / 2));
    prefix += digit(from);
  }
};

/**
 * A key that sorts after `low` and before `high`; `null` is the open end.
 *
 * Two writers may have given the same key to two things: `low >= high` then counts as an open upper end.
 */
export const between = (low: string | null, high: string | null): string => {
  const open = high === null || high === "" || (low !== null && low >= high);
  if (open) return low === null || low === "" ? MIDDLE : after(low);
  return middle(low ?? "", high);
};

/** Compares as bytes: the same order in every language and locale. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
