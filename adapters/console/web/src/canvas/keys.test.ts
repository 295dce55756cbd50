import { describe, expect, it } from "vitest";

import type { Press } from "./keys.ts";
import { onElement, onPage } from "./keys.ts";

const press = (key: string, more: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...more,
});

describe("keys of an element", () => {
  it("move by one pixel, by ten with Shift, and resize with Alt", () => {
    expect(onElement(press("ArrowLeft"))).toEqual({ type: "nudge", dx: -1, dy: 0 });
    expect(onElement(press("ArrowDown", { shiftKey: true }))).toEqual({ type: "nudge", dx: 0, dy: 10 });
    expect(onElement(press("ArrowRight", { altKey: true }))).toEqual({ type: "grow", dx: 1, dy: 0 });
  });

  it("leave the browser's own shortcuts alone", () => {
    expect(onElement(press("ArrowLeft", { ctrlKey: true }))).toBeNull();
    expect(onElement(press("l", { ctrlKey: true }))).toBeNull();
    expect(onElement(press("Tab"))).toBeNull();
  });
});

describe("keys of the page", () => {
  it("undo and redo with Control and with Command", () => {
    expect(onPage(press("z", { ctrlKey: true }))).toEqual({ type: "undo" });
    expect(onPage(press("Z", { metaKey: true, shiftKey: true }))).toEqual({ type: "redo" });
    expect(onPage(press("y", { ctrlKey: true }))).toEqual({ type: "redo" });
  });

  it("add a block, but not with a modifier", () => {
    expect(onPage(press("t"))).toEqual({ type: "add", kind: "text" });
    expect(onPage(press("t", { ctrlKey: true }))).toBeNull();
    expect(onPage(press("t", { altKey: true }))).toBeNull();
  });
});
