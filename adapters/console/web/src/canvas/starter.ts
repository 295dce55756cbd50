// A ready layout for an empty document: a short newsletter on the 600 x 800 page.

import type { Draft } from "./document.ts";

export const STARTER: readonly Draft[] = [
  { kind: "shape", geom: [0, 0, 600, 216], fill: "#dcebe4" },
  { kind: "text", geom: [48, 56, 504, 48], size: 34, color: "#10332c", text: "A small letter in spring" },
  {
    kind: "text",
    geom: [48, 118, 420, 56],
    size: 17,
    color: "#3c4a45",
    text: "Three ideas for quieter mornings, picked for you.",
  },
  { kind: "image", geom: [48, 256, 504, 220], alt: "A table by the window" },
  {
    kind: "text",
    geom: [48, 504, 504, 92],
    size: 16,
    text: "We tried them for a week and kept two. Here is what worked, what did not, and how to begin tomorrow.",
  },
  { kind: "button", geom: [48, 624, 180, 48], href: "https://example.com/spring", text: "Read the story" },
  { kind: "divider", geom: [48, 716, 504, 2] },
  {
    kind: "text",
    geom: [48, 734, 504, 32],
    size: 12,
    color: "#5b5a55",
    text: "You receive this because you asked for it. Unsubscribe at any time.",
  },
];
