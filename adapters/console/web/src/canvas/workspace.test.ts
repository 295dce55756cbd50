import { describe, expect, it } from "vitest";

import { sentence } from "./banner.tsx";
import type { Element } from "./model.ts";
import { nameOf, titleOf } from "./workspace.ts";

const ELEMENT: Element = {
  id: "e",
  kind: "text",
  layer: "l",
  geom: [0, 0, 1, 1],
  z: "V",
  text: "",
  src: "",
  alt: "",
  href: "",
  fill: "",
  color: "#000000",
  size: 16,
  locked: false,
};

describe("the name of an element", () => {
  it("is its kind and its words on one line", () => {
    expect(nameOf({ ...ELEMENT, text: " Hello\n  you " })).toBe("Text: Hello you");
    expect(nameOf({ ...ELEMENT, kind: "image", alt: "A table" })).toBe("Image: A table");
    expect(nameOf({ ...ELEMENT, kind: "divider" })).toBe("Divider");
  });

  it("has at most 40 letters, whole ones", () => {
    const title = titleOf({ ...ELEMENT, text: "👋".repeat(60) });
    expect(title).toBe(`${"👋".repeat(39)}…`);
  });
});

describe("the banner", () => {
  it("is silent while all is well", () => {
    expect(sentence({ phase: "synced", unsent: 0, reason: "" })).toBeNull();
    expect(sentence({ phase: "connecting", unsent: 0, reason: "" })).toBeNull();
  });

  it("says what is lost and what is kept", () => {
    expect(sentence({ phase: "offline", unsent: 0, reason: "" })).toBe(
      "You are offline. You can go on editing.",
    );
    expect(sentence({ phase: "reconnecting", unsent: 1, reason: "" })).toContain("1 change is kept");
    expect(sentence({ phase: "offline", unsent: 2, reason: "" })).toContain("2 changes are kept");
  });

  it("repeats the server's reason", () => {
    expect(sentence({ phase: "refused", unsent: 0, reason: "read only" })).toContain("read only");
  });
});
