// The scene: what is drawn, in the order in which it is drawn.

import type { Element, Layer, Meta } from "./model.ts";
import { between, compare } from "./order.ts";

export interface Scene {
  readonly meta: Meta;
  /** Bottom to top. */
  readonly layers: readonly Layer[];
  /** Bottom to top: by layer, then by `z`, then by id. */
  readonly elements: readonly Element[];
}

interface Ordered {
  readonly id: string;
  readonly z: string;
}

const byOrder = (a: Ordered, b: Ordered): number => compare(a.z, b.z) || compare(a.id, b.id);

/**
 * Puts layers and elements in drawing order.
 *
 * A layer that is gone counts as one with an empty key: what was added to it meanwhile is drawn below all others,
 * as in the server's exports.
 */
export const compose = (meta: Meta, layers: Iterable<Layer>, elements: Iterable<Element>): Scene => {
  const known = new Map([...layers].map((layer) => [layer.id, layer]));
  const home = ({ layer }: Element): Ordered => known.get(layer) ?? { id: layer, z: "" };
  return {
    meta,
    layers: [...known.values()].sort(byOrder),
    elements: [...elements].sort((a, b) => byOrder(home(a), home(b)) || byOrder(a, b)),
  };
};

export const layerOf = (scene: Scene, element: Element): Layer | undefined =>
  scene.layers.find((layer) => layer.id === element.layer);

/** Whether the element is drawn. */
export const isVisible = (scene: Scene, element: Element): boolean =>
  layerOf(scene, element)?.visible ?? true;

/** Whether the element may be changed here: neither it nor its layer is locked. */
export const isEditable = (scene: Scene, element: Element): boolean =>
  !element.locked && !(layerOf(scene, element)?.locked ?? false);

export const elementsOf = (scene: Scene, layer: string): readonly Element[] =>
  scene.elements.filter((element) => element.layer === layer);

/**
 * The key that moves the item with `id` to position `to` of `list` (bottom to top, `id` taken out).
 * `null` when it is there already.
 */
export const keyAt = (list: readonly Ordered[], id: string, to: number): string | null => {
  const from = list.findIndex((item) => item.id === id);
  const rest = list.filter((item) => item.id !== id);
  const place = Math.max(0, Math.min(rest.length, to));
  if (from < 0 || from === place) return null;
  return between(rest[place - 1]?.z ?? null, rest[place]?.z ?? null);
};
