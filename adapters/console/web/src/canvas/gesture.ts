// A gesture: many movements, one change of the document at its end.

import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import type { CanvasDocument } from "./document.ts";
import type { Guide } from "./geometry.ts";
import { equal } from "./geometry.ts";
import type { Element, Geom } from "./model.ts";
import type { Presence } from "./presence.ts";

export interface Gesture {
  readonly id: string;
  /** Where the element was when the gesture began. */
  readonly origin: Geom;
  readonly geom: Geom;
  readonly guides: readonly Guide[];
}

export class Gestures {
  readonly #canvas: Pick<CanvasDocument, "update">;
  readonly #presence: Pick<Presence, "drag">;
  readonly #current = new Store<Gesture | null>(null);

  constructor(canvas: Pick<CanvasDocument, "update">, presence: Pick<Presence, "drag">) {
    this.#canvas = canvas;
    this.#presence = presence;
  }

  get current(): Readable<Gesture | null> {
    return this.#current;
  }

  begin(element: Pick<Element, "id" | "geom">): Gesture {
    const running = this.#current.get();
    if (running?.id === element.id) return running;
    this.commit();
    const gesture: Gesture = { id: element.id, origin: element.geom, geom: element.geom, guides: [] };
    this.#current.set(gesture);
    return gesture;
  }

  /** Shows a new place here and, as presence, to everybody else; the document stays as it is. */
  to(geom: Geom, guides: readonly Guide[] = []): void {
    const gesture = this.#current.get();
    if (gesture === null) return;
    this.#current.set({ ...gesture, geom, guides });
    this.#presence.drag({ id: gesture.id, geom });
  }

  /** Writes the place once. Returns it, or `null` when nothing moved. */
  commit(): Geom | null {
    const gesture = this.#current.get();
    if (gesture === null) return null;
    const changed = !equal(gesture.geom, gesture.origin);
    // The change first, the end of the drag second: others never see the element jump back.
    if (changed) this.#canvas.update(gesture.id, { geom: gesture.geom });
    this.#end();
    return changed ? gesture.geom : null;
  }

  cancel(): void {
    if (this.#current.get() !== null) this.#end();
  }

  #end(): void {
    this.#current.set(null);
    this.#presence.drag(null);
  }
}
