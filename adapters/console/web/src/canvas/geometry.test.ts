import { describe, expect, it } from "vitest";

import { centredAt, equal, fit, moved, resized, snapped } from "./geometry.ts";
import type { Geom } from "./model.ts";
import { DEFAULT_META as PAGE } from "./model.ts";

const BOX: Geom = [100, 100, 80, 40];

describe("moving", () => {
  it("gives whole pixels", () => {
    expect(moved(BOX, 0.4, 10.6, PAGE)).toEqual([100, 111, 80, 40]);
  });

  it("keeps a handhold on the page on every side", () => {
    expect(moved(BOX, -9999, 0, PAGE)[0]).toBe(-72);
    expect(moved(BOX, 9999, 0, PAGE)[0]).toBe(592);
    expect(moved(BOX, 0, -9999, PAGE)[1]).toBe(-32);
    expect(moved(BOX, 0, 9999, PAGE)[1]).toBe(792);
  });

  it("keeps a thin divider on the page", () => {
    expect(moved([0, 10, 500, 2], 0, -9999, PAGE)[1]).toBe(0);
    expect(moved([0, 10, 500, 2], 0, 9999, PAGE)[1]).toBe(798);
  });
});

describe("resizing", () => {
  it.each([
    ["se", [100, 100, 90, 60]],
    ["nw", [110, 120, 70, 20]],
    ["ne", [100, 120, 90, 20]],
    ["sw", [110, 100, 70, 60]],
  ] as const)("pulls %s and leaves the opposite corner", (corner, expected) => {
    expect(resized(BOX, corner, 10, 20)).toEqual(expected);
  });

  it("stops at the smallest side without moving the other corner", () => {
    expect(resized(BOX, "nw", 500, 500)).toEqual([178, 138, 2, 2]);
  });
});

describe("placing", () => {
  it("centres on a point, inside the page", () => {
    expect(centredAt({ x: 300, y: 200 }, [100, 50], PAGE)).toEqual([250, 175, 100, 50]);
    expect(centredAt({ x: 0, y: 900 }, [100, 50], PAGE)).toEqual([0, 750, 100, 50]);
  });

  it("fits the page into the room, within limits", () => {
    expect(fit(PAGE, { width: 648, height: 2000 }, 24)).toBe(1);
    expect(fit(PAGE, { width: 9000, height: 9000 }, 24)).toBe(1.5);
    expect(fit(PAGE, { width: 0, height: 0 }, 24)).toBe(0.1);
  });
});

describe("snapping", () => {
  it("pulls the centre to the middle of the page and says where", () => {
    const { geom, guides } = snapped([257, 333, 80, 40], [], PAGE, 5);
    expect(geom).toEqual([260, 333, 80, 40]);
    expect(guides).toEqual([{ axis: "x", at: 300 }]);
  });

  it("takes the nearest edge of another element", () => {
    const { geom } = snapped([103, 300, 80, 40], [[100, 0, 50, 50]], PAGE, 5);
    expect(geom[0]).toBe(100);
  });

  it("leaves what is out of reach", () => {
    const { geom, guides } = snapped([57, 333, 80, 40], [], PAGE, 5);
    expect(geom).toEqual([57, 333, 80, 40]);
    expect(guides).toEqual([]);
  });
});

it("places are equal by value", () => {
  expect(equal(BOX, [...BOX])).toBe(true);
  expect(equal(BOX, [100, 100, 80, 41])).toBe(false);
});
