// Geometry in page pixels. All functions are pure; results are whole pixels.

import type { Geom, Meta, Point } from "./model.ts";
import { MIN_SIDE } from "./model.ts";

export type Corner = "nw" | "ne" | "sw" | "se";

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Part of an element, in pixels, that always stays on the page so that it can be found again. */
const HOLD = 8;

/** Moves by `dx`, `dy`; at least 8 pixels stay on the page. */
export const moved = ([x, y, width, height]: Geom, dx: number, dy: number, page: Meta): Geom => [
  Math.round(clamp(x + dx, HOLD - width, page.width - HOLD)),
  Math.round(clamp(y + dy, Math.min(0, HOLD - height), page.height - Math.min(HOLD, height))),
  width,
  height,
];

/** Pulls one corner by `dx`, `dy`; the opposite corner stays. */
export const resized = ([x, y, width, height]: Geom, corner: Corner, dx: number, dy: number): Geom => {
  const west = corner.includes("w");
  const north = corner.includes("n");
  const w = Math.max(MIN_SIDE, Math.round(width + (west ? -dx : dx)));
  const h = Math.max(MIN_SIDE, Math.round(height + (north ? -dy : dy)));
  return [west ? x + width - w : x, north ? y + height - h : y, w, h];
};

/** A box of this size with its centre at the point, kept inside the page where it fits. */
export const centredAt = (point: Point, [width, height]: readonly [number, number], page: Meta): Geom => [
  Math.round(clamp(point.x - width / 2, 0, Math.max(0, page.width - width))),
  Math.round(clamp(point.y - height / 2, 0, Math.max(0, page.height - height))),
  width,
  height,
];

/** Largest scale at which the page fits into the room, at most 1.5 so that a small page stays a page. */
export const fit = (
  page: Meta,
  room: { readonly width: number; readonly height: number },
  margin: number,
): number =>
  clamp(Math.min((room.width - 2 * margin) / page.width, (room.height - 2 * margin) / page.height), 0.1, 1.5);

export const equal = (a: Geom, b: Geom): boolean => a.every((value, index) => value === b[index]);

/** A line to which a moving element snapped: at `at` on the axis. */
export interface Guide {
  readonly axis: "x" | "y";
  readonly at: number;
}

const edges = (start: number, length: number): readonly number[] => [
  start,
  start + length / 2,
  start + length,
];

const pull = (
  own: readonly number[],
  lines: readonly number[],
  reach: number,
): { by: number; at: number } | null => {
  let best: { by: number; at: number } | null = null;
  for (const line of lines) {
    for (const edge of own) {
      const by = line - edge;
      if (Math.abs(by) <= reach && (best === null || Math.abs(by) < Math.abs(best.by)))
        best = { by, at: line };
    }
  }
  return best;
};

/** Snaps edges and centre to those of the page and of other elements within `reach` pixels. */
export const snapped = (
  geom: Geom,
  others: readonly Geom[],
  page: Meta,
  reach: number,
): { readonly geom: Geom; readonly guides: readonly Guide[] } => {
  const [x, y, width, height] = geom;
  const columns = [...edges(0, page.width), ...others.flatMap((other) => edges(other[0], other[2]))];
  const rows = [...edges(0, page.height), ...others.flatMap((other) => edges(other[1], other[3]))];
  const across = pull(edges(x, width), columns, reach);
  const down = pull(edges(y, height), rows, reach);
  const guides: Guide[] = [];
  if (across) guides.push({ axis: "x", at: across.at });
  if (down) guides.push({ axis: "y", at: down.at });
  return {
    geom: [Math.round(x + (across?.by ?? 0)), Math.round(y + (down?.by ?? 0)), width, height],
    guides,
  };
};
