import { describe, expect, it } from "vitest";

import { diff, follow } from "./text.ts";

const apply = (text: string, edit: ReturnType<typeof diff>): string =>
  edit === null ? text : text.slice(0, edit.index) + edit.insert + text.slice(edit.index + edit.remove);

describe("text edits", () => {
  it("are nothing for equal texts", () => {
    expect(diff("same", "same")).toBeNull();
  });

  it.each([
    ["", "abc"],
    ["abc", ""],
    ["abc", "abXc"],
    ["abXc", "abc"],
    ["abc", "aYYc"],
    ["aaaa", "aaa"],
    ["héllo wörld", "héllo there wörld"],
    ["a👍b", "a👎b"],
    ["👍", "👍👍"],
  ])("turn %j into %j", (before, after) => {
    for (let caret = 0; caret <= after.length; caret += 1) {
      expect(apply(before, diff(before, after, caret))).toBe(after);
    }
  });

  it("touch only what changed", () => {
    expect(diff("The quick fox", "The quick brown fox", 16)).toEqual({
      index: 10,
      remove: 0,
      insert: "brown ",
    });
  });

  it("insert where the caret was, among equal letters", () => {
    // "a|a" with an "a" typed at the caret: position 1, not 2.
    expect(diff("aa", "aaa", 2)).toEqual({ index: 1, remove: 0, insert: "a" });
    expect(diff("aa", "aaa", 1)).toEqual({ index: 0, remove: 0, insert: "a" });
  });

  it("never split a surrogate pair", () => {
    // Both emoji begin with the same unit and differ in the second one.
    expect(diff("x👍y", "x👎y")).toEqual({ index: 1, remove: 2, insert: "👎" });
    // Both end with the same unit and differ in the first one.
    const [one, two] = ["\u{1F44D}", "\u{2144D}"];
    expect(diff(one, two)).toEqual({ index: 0, remove: 2, insert: two });
  });
});

describe("the caret", () => {
  it.each([
    ["moves with text that is inserted before it", 5, [{ retain: 2 }, { insert: "ab" }], 7],
    ["stays before text that is inserted at it", 5, [{ retain: 5 }, { insert: "ab" }], 5],
    ["stays before text that is inserted after it", 5, [{ retain: 7 }, { insert: "ab" }], 5],
    ["moves back with text that is deleted before it", 5, [{ retain: 1 }, { delete: 2 }], 3],
    ["stops at a deletion around it", 5, [{ retain: 3 }, { delete: 9 }], 3],
    ["stays before a deletion after it", 5, [{ retain: 6 }, { delete: 9 }], 5],
    ["follows several runs", 8, [{ insert: "xx" }, { retain: 2 }, { delete: 3 }, { insert: "y" }], 8],
  ])("%s", (_rule, caret, delta, expected) => {
    expect(follow(caret, delta)).toBe(expected);
  });
});
