import { describe, expect, it } from "vitest";

import type { Element, Layer } from "./model.ts";
import { DEFAULT_META } from "./model.ts";
import { compose, isEditable, isVisible, keyAt } from "./scene.ts";

const layer = (id: string, z: string, more: Partial<Layer> = {}): Layer => ({
  id,
  name: id,
  z,
  visible: true,
  locked: false,
  ...more,
});

const element = (id: string, home: string, z: string, more: Partial<Element> = {}): Element => ({
  id,
  kind: "shape",
  layer: home,
  geom: [0, 0, 10, 10],
  z,
  text: "",
  src: "",
  alt: "",
  href: "",
  fill: "",
  color: "#000000",
  size: 16,
  locked: false,
  ...more,
});

const order = (layers: Layer[], elements: Element[]): string =>
  compose(DEFAULT_META, layers, elements)
    .elements.map(({ id }) => id)
    .join("");

describe("scene", () => {
  it("orders by layer first, then by key, then by id", () => {
    const layers = [layer("top", "b"), layer("low", "a")];
    expect(
      order(layers, [
        element("d", "top", "a"),
        element("c", "low", "z"),
        element("b", "low", "k"),
        element("a", "low", "k"),
      ]),
    ).toBe("abcd");
  });

  it("is the same whatever the order of arrival", () => {
    const layers = [layer("top", "b"), layer("low", "b")];
    const elements = [element("a", "top", "x"), element("b", "low", "x"), element("c", "top", "x")];
    expect(order(layers, elements)).toBe(order(layers.toReversed(), elements.toReversed()));
  });

  it("draws an element of a lost layer below all others", () => {
    expect(
      order(
        [layer("low", "a")],
        [element("a", "low", "a"), element("c", "lost", "a"), element("b", "gone", "z")],
      ),
    ).toBe("bca");
  });

  it("compares keys by code unit, not by language", () => {
    expect(order([layer("l", "a")], [element("x", "l", "a"), element("y", "l", "B")])).toBe("yx");
  });

  it("takes visibility and locks from element and layer", () => {
    const scene = compose(DEFAULT_META, [layer("l", "a", { visible: false, locked: true })], []);
    expect(isVisible(scene, element("a", "l", "a"))).toBe(false);
    expect(isEditable(scene, element("a", "l", "a"))).toBe(false);
    expect(isEditable(scene, element("a", "other", "a", { locked: true }))).toBe(false);
    expect(isEditable(scene, element("a", "other", "a"))).toBe(true);
  });
});

describe("a new place in a list", () => {
  const list = [
    { id: "a", z: "F" },
    { id: "b", z: "V" },
    { id: "c", z: "k" },
  ];
  const moved = (id: string, to: number): string => {
    const z = keyAt(list, id, to);
    return list
      .map((item) => (item.id === id && z !== null ? { id, z } : item))
      .sort((a, b) => (a.z < b.z ? -1 : 1))
      .map((item) => item.id)
      .join("");
  };

  it.each([
    ["a", 1, "bac"],
    ["a", 2, "bca"],
    ["c", 0, "cab"],
    ["b", 9, "acb"],
    ["b", -9, "bac"],
  ])("puts %s at %d: %s", (id, to, expected) => {
    expect(moved(id, to)).toBe(expected);
  });

  it("is nothing for what is there already, or not in the list", () => {
    expect(keyAt(list, "b", 1)).toBeNull();
    expect(keyAt(list, "c", 5)).toBeNull();
    expect(keyAt(list, "x", 0)).toBeNull();
  });
});
