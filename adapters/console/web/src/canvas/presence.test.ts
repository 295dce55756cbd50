import { describe, expect, it } from "vitest";

import { COLORS, initials, invent, parse } from "./person.ts";
import { peer } from "./presence.ts";
import { inkOn } from "./read.ts";

const user = { name: "Ada", color: "#0f6b5c" };

describe("somebody's presence", () => {
  it("needs a name and a colour", () => {
    expect(peer(1, { cursor: { x: 1, y: 2 } })).toBeNull();
    expect(peer(1, null)).toBeNull();
    expect(peer(1, { user: { name: " ", color: "#0f6b5c" } })).toBeNull();
    expect(peer(1, { user: { name: "Ada", color: "url(x)" } })).toBeNull();
  });

  it("reads pointer, drag and selection", () => {
    const state = { user, cursor: { x: 1, y: 2 }, drag: { id: "e", geom: [1, 2, 3, 4] }, selected: "e" };
    expect(peer(1, state)).toEqual({ client: 1, ...state });
  });

  it("drops what is not a place", () => {
    const read = peer(1, { user, cursor: { x: "1", y: 2 }, drag: { id: "e", geom: [1] }, selected: 5 });
    expect(read).toMatchObject({ cursor: null, drag: null, selected: null });
  });
});

describe("a person", () => {
  it("is made from the lists, always readable", () => {
    for (const random of [0, 0.5, 0.999]) expect(parse(invent(() => random))).not.toBeNull();
  });

  it("has a name of at most 40 units", () => {
    expect(parse({ ...user, name: "x".repeat(99) })?.name).toHaveLength(40);
  });

  it("is shortened to two letters, whole ones", () => {
    expect(initials("Quiet Heron")).toBe("QH");
    expect(initials("👩‍🚀 ada lovelace")).toHaveLength(3);
  });

  it("is written in the ink that is easier to read", () => {
    expect(inkOn("#ffff00")).toBe("#1a1a1a");
    for (const color of COLORS) expect(inkOn(color)).toBe("#ffffff");
  });
});
