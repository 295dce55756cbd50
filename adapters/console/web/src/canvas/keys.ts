// The keyboard, as one table: what a key does on the page, and what the shortcut sheet says about it.

import type { Kind } from "./model.ts";

export type Command =
  | { readonly type: "nudge"; readonly dx: number; readonly dy: number }
  | { readonly type: "grow"; readonly dx: number; readonly dy: number }
  | { readonly type: "raise"; readonly by: 1 | -1 }
  | { readonly type: "zoom"; readonly by: 1 | 0 | -1 }
  | { readonly type: "add"; readonly kind: Kind }
  | { readonly type: "edit" | "remove" | "duplicate" | "lock" | "escape" | "undo" | "redo" | "help" };

/** The part of a keyboard event that is looked at. */
export type Press = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const ADD: Readonly<Record<string, Kind>> = { t: "text", b: "button", i: "image", s: "shape", d: "divider" };

/** What a key does everywhere on the page, but not inside a form field. */
export const onPage = (press: Press): Command | null => {
  const key = press.key.toLowerCase();
  if (press.ctrlKey || press.metaKey) {
    if (key === "z") return { type: press.shiftKey ? "redo" : "undo" };
    return key === "y" ? { type: "redo" } : null;
  }
  if (press.altKey) return null;
  if (key === "?") return { type: "help" };
  if (key === "+" || key === "=") return { type: "zoom", by: 1 };
  if (key === "-") return { type: "zoom", by: -1 };
  if (key === "0") return { type: "zoom", by: 0 };
  const kind = ADD[key];
  return kind && !press.shiftKey ? { type: "add", kind } : null;
};

/** What a key does to the element that has the focus. */
export const onElement = (press: Press): Command | null => {
  const arrow = ARROWS[press.key];
  if (arrow && !press.ctrlKey && !press.metaKey) {
    const step = press.shiftKey ? 10 : 1;
    const [dx, dy] = [arrow[0] * step, arrow[1] * step];
    return { type: press.altKey ? "grow" : "nudge", dx, dy };
  }
  if (press.ctrlKey || press.metaKey) return press.key.toLowerCase() === "d" ? { type: "duplicate" } : null;
  switch (press.key) {
    case "Enter":
    case "F2":
      return { type: "edit" };
    case "Delete":
    case "Backspace":
      return { type: "remove" };
    case "]":
      return { type: "raise", by: 1 };
    case "[":
      return { type: "raise", by: -1 };
    case "l":
      return { type: "lock" };
    case "Escape":
      return { type: "escape" };
    default:
      return null;
  }
};

/** Rows of the shortcut sheet. */
export const SHEET: readonly {
  readonly title: string;
  readonly rows: readonly (readonly [keys: string, does: string])[];
}[] = [
  {
    title: "Selected element",
    rows: [
      ["Tab", "Next element"],
      ["← ↑ → ↓", "Move 1 px"],
      ["Shift + arrow", "Move 10 px"],
      ["Alt + arrow", "Resize"],
      ["Enter", "Edit text"],
      ["[  ]", "Backward, forward"],
      ["Ctrl + D", "Duplicate"],
      ["L", "Lock or unlock"],
      ["Delete", "Remove"],
      ["Esc", "Cancel, deselect"],
    ],
  },
  {
    title: "Add",
    rows: [
      ["T", "Text"],
      ["B", "Button"],
      ["I", "Image"],
      ["S", "Shape"],
      ["D", "Divider"],
    ],
  },
  {
    title: "Page",
    rows: [
      ["Ctrl + Z", "Undo"],
      ["Ctrl + Shift + Z", "Redo"],
      ["+  −", "Zoom in, out"],
      ["0", "Zoom to fit"],
      ["?", "This sheet"],
    ],
  },
];
