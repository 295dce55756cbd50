// From shared types to typed values. Whatever another client wrote, the page gets something it can draw.

import * as Y from "yjs";

import type { Element, Geom, Kind, Layer, Meta } from "./model.ts";
import { ABSENT_FILL, DEFAULT_META, KINDS, MAX_NAME, MAX_SRC_BYTES } from "./model.ts";

export type Shared = Y.Map<unknown>;

const COLOR = /^#[0-9a-f]{6}$/i;
/** What the server takes for a picture; of these the page draws the first kind only, see its content policy. */
const SOURCE = /^(data:image\/(png|jpeg|gif|webp);base64,|cid:|https:\/\/)[^\s]*$/i;
const LINK = /^(https?:\/\/|mailto:|tel:)[^\s]+$/i;
const MAX_LINK = 2048;
/** Farthest pixel from the page's corner that is still believed. */
const FAR = 100_000;

const string = (value: unknown, fallback = ""): string => (typeof value === "string" ? value : fallback);

const number = (value: unknown, low: number, high: number, fallback: number): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.min(Math.max(value, low), high) : fallback;

export const isColor = (value: unknown): value is string => typeof value === "string" && COLOR.test(value);

const color = (value: unknown, fallback: string): string => (isColor(value) ? value : fallback);

export const isSource = (value: string): boolean => SOURCE.test(value) && value.length <= MAX_SRC_BYTES;

/** Whether a message may lead there. */
export const isLink = (value: string): boolean => LINK.test(value) && value.length <= MAX_LINK;

/** Black or white, whichever is easier to read on the colour (WCAG relative luminance). */
export const inkOn = (fill: string): "#1a1a1a" | "#ffffff" => {
  const channel = (at: number): number => {
    const part = Number.parseInt(fill.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return luminance > 0.179 ? "#1a1a1a" : "#ffffff";
};

const isKind = (value: unknown): value is Kind => KINDS.some((kind) => kind === value);

/** Reads `[x, y, w, h]`; `null` when it is anything else. */
export const geom = (value: unknown): Geom | null => {
  if (!Array.isArray(value) || value.length !== 4) return null;
  const [x, y, width, height] = value.map((part) => number(part, -FAR, FAR, Number.NaN));
  if (x === undefined || y === undefined || width === undefined || height === undefined) return null;
  if (![x, y, width, height].every(Number.isFinite)) return null;
  return [x, y, Math.max(1, width), Math.max(1, height)];
};

/** Reads an element; `null` when it has no kind or no place, as half-written ones of foreign clients. */
export const element = (id: string, map: Shared): Element | null => {
  const kind = map.get("kind");
  const place = geom(map.get("geom"));
  if (!isKind(kind) || place === null) return null;
  const text = map.get("text");
  const src = string(map.get("src"));
  const fill = color(map.get("fill"), ABSENT_FILL[kind]);
  return {
    id,
    kind,
    layer: string(map.get("layer")),
    geom: place,
    z: string(map.get("z")),
    text: text instanceof Y.Text ? text.toString() : string(text),
    src: isSource(src) ? src : "",
    alt: string(map.get("alt")),
    href: string(map.get("href")),
    fill,
    color: color(map.get("color"), fill ? inkOn(fill) : "#1a1a1a"),
    size: number(map.get("size"), 1, 400, 16),
    locked: map.get("locked") === true,
  };
};

export const layer = (id: string, map: Shared): Layer => ({
  id,
  name: string(map.get("name")).slice(0, MAX_NAME) || "Untitled",
  z: string(map.get("z")),
  visible: map.get("visible") !== false,
  locked: map.get("locked") === true,
});

export const meta = (map: Shared): Meta => ({
  title: string(map.get("title")),
  width: number(map.get("width"), 100, 4000, DEFAULT_META.width),
  height: number(map.get("height"), 100, 10_000, DEFAULT_META.height),
  background: color(map.get("background"), DEFAULT_META.background),
});
