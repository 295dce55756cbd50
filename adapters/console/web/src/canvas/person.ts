// Who is at this browser: a friendly name and a colour, kept between visits.

import { MAX_NAME } from "./model.ts";
import { isColor } from "./read.ts";

export interface Person {
  readonly name: string;
  readonly color: string;
}

const KEY = "maily.person";

const FIRST = [
  "Quiet",
  "Amber",
  "Swift",
  "Gentle",
  "Bright",
  "Curious",
  "Merry",
  "Patient",
  "Clever",
  "Bold",
];
const LAST = [
  "Heron",
  "Otter",
  "Finch",
  "Maple",
  "Willow",
  "Falcon",
  "Clover",
  "Harbor",
  "Juniper",
  "Sparrow",
];

/** Each has a contrast of at least 4.5 : 1 with white. */
export const COLORS = [
  "#0f6b5c",
  "#8a4b08",
  "#7a3e9d",
  "#b3261e",
  "#1d5fa8",
  "#9b2c6f",
  "#4d6b12",
  "#5548b8",
];

const pick = (list: readonly string[], random: () => number): string =>
  list[Math.floor(random() * list.length)] ?? "";

export const invent = (random: () => number = Math.random): Person => ({
  name: `${pick(FIRST, random)} ${pick(LAST, random)}`,
  color: pick(COLORS, random),
});

/** Reads a person from something another client sent, or that was stored; `null` when it is not one. */
export const parse = (value: unknown): Person | null => {
  if (typeof value !== "object" || value === null || !("name" in value) || !("color" in value)) return null;
  if (typeof value.name !== "string" || value.name.trim() === "" || !isColor(value.color)) return null;
  return { name: value.name.trim().slice(0, MAX_NAME), color: value.color };
};

/** The stored person, or a new one. Storage may be switched off: then the name lasts as long as the page. */
export const load = (): Person => {
  try {
    const known = parse(JSON.parse(localStorage.getItem(KEY) ?? "null"));
    if (known) return known;
  } catch {
    // Unreadable or forbidden storage is the same as none.
  }
  const person = invent();
  save(person);
  return person;
};

export const save = (person: Person): void => {
  try {
    localStorage.setItem(KEY, JSON.stringify(person));
  } catch {
    // As above.
  }
};

/** "Quiet Heron" → "QH". */
export const initials = (name: string): string =>
  name
    .split(/\s+/u)
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
