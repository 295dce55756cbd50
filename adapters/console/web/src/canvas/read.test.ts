import { describe, expect, it } from "vitest";
import * as Y from "yjs";

import { MAX_SRC_BYTES } from "./model.ts";
import { element, geom, isLink, isSource, layer, meta } from "./read.ts";

const map = (values: Record<string, unknown>): Y.Map<unknown> => {
  const made = new Y.Doc().getMap("m");
  for (const [key, value] of Object.entries(values)) made.set(key, value);
  return made;
};

describe("reading an element", () => {
  const whole = { kind: "text", geom: [1, 2, 3, 4], layer: "l", z: "V" };

  it("fills what is missing as the server's exports do", () => {
    expect(element("e", map(whole))).toMatchObject({
      fill: "",
      color: "#1a1a1a",
      size: 16,
      locked: false,
      src: "",
    });
    expect(element("e", map({ ...whole, kind: "button" }))).toMatchObject({
      fill: "#1d4ed8",
      color: "#ffffff",
    });
  });

  it.each([
    ["an unknown kind", { ...whole, kind: "script" }],
    ["no place", { kind: "text" }],
    ["a place of three numbers", { ...whole, geom: [1, 2, 3] }],
    ["a place with a word", { ...whole, geom: [1, 2, 3, "4"] }],
  ])("refuses %s", (_what, values) => {
    expect(element("e", map(values))).toBeNull();
  });

  it("does not believe colours, sizes and addresses that cannot be", () => {
    const read = element(
      "e",
      map({ ...whole, fill: "url(x)", color: "red", size: 1e9, src: "file:///x.png" }),
    );
    expect(read).toMatchObject({ fill: "", color: "#1a1a1a", size: 400, src: "" });
  });

  it("reads shared text and plain text", () => {
    const shared = map(whole);
    shared.set("text", new Y.Text("shared"));
    expect(element("e", shared)?.text).toBe("shared");
    expect(element("e", map({ ...whole, text: "plain" }))?.text).toBe("plain");
  });
});

it("a place is four finite numbers, with a size of at least one pixel", () => {
  expect(geom([1, 2, 0, -5])).toEqual([1, 2, 1, 1]);
  expect(geom([1e9, 0, 10, 10])).toEqual([100_000, 0, 10, 10]);
  expect(geom([Number.NaN, 0, 1, 1])).toBeNull();
  expect(geom("1,2,3,4")).toBeNull();
});

it("a picture is a data address up to the limit, a part of the message, or remote", () => {
  expect(isSource("data:image/png;base64,AAAA")).toBe(true);
  expect(isSource("cid:hero@maily")).toBe(true);
  expect(isSource("https://example.com/x.png")).toBe(true);
  expect(isSource("data:image/svg+xml,<svg/>")).toBe(false);
  expect(isSource("javascript:alert(1)")).toBe(false);
  const longest = "data:image/png;base64,".padEnd(MAX_SRC_BYTES, "A");
  expect(isSource(longest)).toBe(true);
  expect(isSource(`${longest}A`)).toBe(false);
});

it("a link leads to a page, a mailbox or a telephone", () => {
  for (const link of ["https://example.com/?a=1", "http://a.b", "mailto:ada@example.com", "tel:+4912345"]) {
    expect(isLink(link)).toBe(true);
  }
  for (const link of [
    "javascript:alert(1)",
    "java\tscript:x",
    "https://a b",
    "example.com",
    "",
    `https://${"x".repeat(2048)}`,
  ]) {
    expect(isLink(link)).toBe(false);
  }
});

it("a layer is visible unless it says otherwise, and always has a name", () => {
  expect(layer("l", map({}))).toEqual({ id: "l", name: "Untitled", z: "", visible: true, locked: false });
  expect(layer("l", map({ name: "x".repeat(99) })).name).toHaveLength(40);
});

it("a page has a size that can be drawn", () => {
  expect(meta(map({ width: -1, height: "tall" }))).toMatchObject({
    width: 100,
    height: 800,
    background: "#ffffff",
  });
});
