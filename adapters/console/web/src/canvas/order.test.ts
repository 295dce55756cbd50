import { describe, expect, it } from "vitest";

import { between, compare } from "./order.ts";

/** A small generator with a fixed seed (mulberry32), so that a failure can be repeated. */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};

describe("order keys", () => {
  it("leave room between any two, at random places", () => {
    const next = random(7);
    const keys: string[] = [];
    for (let count = 0; count < 2000; count += 1) {
      const at = Math.floor(next() * (keys.length + 1));
      const key = between(keys[at - 1] ?? null, keys[at] ?? null);
      keys.splice(at, 0, key);
    }
    expect(keys).toEqual([...keys].sort(compare));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("stay short when appended", () => {
    let key: string | null = null;
    for (let count = 0; count < 1000; count += 1) key = between(key, null);
    expect(key?.length).toBeLessThanOrEqual(34);
  });

  it("keep going when inserted at one place again and again", () => {
    const low = "V";
    let high = "W";
    for (let count = 0; count < 500; count += 1) {
      const key = between(low, high);
      expect(key > low && key < high).toBe(true);
      high = key;
    }
  });

  it("never end in the lowest digit, so that there is room before each", () => {
    let high: string | null = null;
    for (let count = 0; count < 500; count += 1) {
      high = between(null, high);
      expect(high.endsWith("0")).toBe(false);
    }
  });

  it("treat equal or swapped neighbours as an open end", () => {
    expect(between("V", "V") > "V").toBe(true);
    expect(between("b", "a") > "b").toBe(true);
  });

  it("accept the keys of other writers", () => {
    expect(between("a0", "a1") > "a0").toBe(true);
    expect(between("a0", "a1") < "a1").toBe(true);
    expect(between("~~", null) > "").toBe(true);
    expect(between("", "") > "").toBe(true);
  });
});
