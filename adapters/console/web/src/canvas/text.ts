// Minimal edits between two versions of a text, in UTF-16 units as Yjs counts them.

/** Take `remove` units away at `index`, then put `insert` there. */
export interface Edit {
  readonly index: number;
  readonly remove: number;
  readonly insert: string;
}

/** One run of a Yjs text event. */
export interface Run {
  readonly retain?: number | undefined;
  readonly insert?: unknown;
  readonly delete?: number | undefined;
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/**
 * The one edit that turns `before` into `after`, or `null` when they are equal.
 *
 * `caret` is where the caret stands in `after`; it decides which of several equal letters was typed.
 * A surrogate pair is never split: half an emoji would not survive the way through UTF-8.
 */
export const diff = (before: string, after: string, caret: number = after.length): Edit | null => {
  if (before === after) return null;
  const shorter = Math.min(before.length, after.length);
  // What was typed ends at the caret: the common end may not reach over it, and the common start may not pass it.
  const tail = Math.max(0, after.length - caret);
  let end = 0;
  while (end < Math.min(shorter, tail) && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  let start = 0;
  while (start < shorter - end && before.charCodeAt(start) === after.charCodeAt(start)) start += 1;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (start > 0 && isHigh(before.charCodeAt(start - 1))) start -= 1;
  if (end > 0 && isLow(before.charCodeAt(before.length - end))) end -= 1;
  return {
    index: start,
    remove: before.length - start - end,
    insert: after.slice(start, after.length - end),
  };
};

/** Where a caret stands after somebody else's edit. An insertion exactly at the caret goes behind it. */
export const follow = (caret: number, delta: readonly Run[]): number => {
  let at = 0;
  let moved = caret;
  for (const run of delta) {
    if (run.retain !== undefined) {
      at += run.retain;
    } else if (typeof run.insert === "string") {
      if (at < moved) moved += run.insert.length;
      at += run.insert.length;
    } else if (run.delete !== undefined) {
      if (at < moved) moved -= Math.min(run.delete, moved - at);
    }
  }
  return moved;
};
