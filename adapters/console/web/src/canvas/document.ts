// The shared document: one place that reads and writes Yjs, everything else sees plain values.

import * as Y from "yjs";

import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import type { Element, Layer, Meta, Props } from "./model.ts";
import { DEFAULT_META, DEFAULTS, MAX_NAME, hasText } from "./model.ts";
import { between } from "./order.ts";
import * as read from "./read.ts";
import type { Scene } from "./scene.ts";
import { compose, elementsOf, keyAt } from "./scene.ts";
import { diff } from "./text.ts";

/** What the undo and redo buttons show. */
export interface History {
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** Typing within this time is one step of undo. */
const TYPING_MS = 500;

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

// `crypto.randomUUID` exists on secure origins only, and the console also runs on http://host.
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    ALPHABET.charAt(byte % ALPHABET.length),
  ).join("");

/** A new element: its kind and place, and what differs from the defaults of the kind. */
export type Draft = Pick<Element, "kind" | "geom"> &
  Partial<Omit<Element, "id" | "kind" | "geom" | "layer" | "z">>;

const shared = (draft: Draft, layer: string, z: string): read.Shared => {
  const { side: _, ...look } = DEFAULTS[draft.kind];
  const { text, ...props } = { ...look, ...draft, layer, z };
  const map: read.Shared = new Y.Map();
  // An absent property reads as its default; an empty one would be a value that is not a colour or an address.
  for (const [key, value] of Object.entries(props)) if (value !== "") map.set(key, value);
  if (hasText(draft.kind)) map.set("text", new Y.Text(text));
  return map;
};

export class CanvasDocument {
  readonly doc: Y.Doc;
  readonly #elements: Y.Map<read.Shared>;
  readonly #layers: Y.Map<read.Shared>;
  readonly #meta: read.Shared;
  readonly #undo: Y.UndoManager;
  /** Elements as last read: an unchanged one keeps its identity, so that its component is not drawn again. */
  readonly #known = new Map<string, Element>();
  readonly #scene: Store<Scene>;
  readonly #history = new Store<History>({ canUndo: false, canRedo: false });

  constructor(doc: Y.Doc) {
    this.doc = doc;
    this.#elements = doc.getMap("elements");
    this.#layers = doc.getMap("layers");
    this.#meta = doc.getMap("meta");
    this.#scene = new Store<Scene>(compose(DEFAULT_META, [], []));
    // Only what this page wrote is undone, never what others did.
    this.#undo = new Y.UndoManager([this.#elements, this.#layers, this.#meta], {
      trackedOrigins: new Set([this]),
      captureTimeout: TYPING_MS,
    });
    const history = (): void =>
      this.#history.set({ canUndo: this.#undo.canUndo(), canRedo: this.#undo.canRedo() });
    this.#undo.on("stack-item-added", history);
    this.#undo.on("stack-item-popped", history);
    this.#undo.on("stack-cleared", history);
    this.#elements.observeDeep((events) => {
      for (const event of events) this.#forget(event);
    });
    doc.on("afterTransaction", (transaction) => {
      if (transaction.changed.size > 0) this.#read();
    });
    this.#read();
  }

  get scene(): Readable<Scene> {
    return this.#scene;
  }

  get history(): Readable<History> {
    return this.#history;
  }

  /** The shared text of an element, for an editor that is bound to it. */
  text(id: string): Y.Text | null {
    const text = this.#elements.get(id)?.get("text");
    return text instanceof Y.Text ? text : null;
  }

  // === writing: each method is one transaction and, except for typing, one step of undo ===

  /** Adds elements on top of a layer (the topmost one if that is gone; a first one if there is none). */
  add(drafts: readonly Draft[], layer: string | null): readonly string[] {
    const ids = drafts.map(newId);
    this.#step(() => {
      const home = this.#home(layer);
      let z = elementsOf(this.#scene.get(), home).at(-1)?.z ?? null;
      drafts.forEach((draft, index) => {
        z = between(z, null);
        this.#elements.set(ids[index] ?? newId(), shared(draft, home, z));
      });
    });
    return ids;
  }

  /** Adds a copy of an element, a little down and to the right. */
  duplicate(source: Element): string | null {
    const { id: _id, layer, z: _z, geom, ...look } = source;
    const [x, y, width, height] = geom;
    return this.add([{ ...look, geom: [x + 16, y + 16, width, height] }], layer)[0] ?? null;
  }

  update(id: string, props: Partial<Props>): void {
    const map = this.#elements.get(id);
    if (map === undefined) return;
    this.#step(() => {
      for (const [key, value] of Object.entries(props)) if (map.get(key) !== value) map.set(key, value);
    });
  }

  remove(id: string): void {
    if (this.#elements.has(id)) this.#step(() => this.#elements.delete(id));
  }

  /** Moves an element `by` places up (+) or down (-) inside its layer. `false` when it is at the end already. */
  raise(element: Element, by: number): boolean {
    const siblings = elementsOf(this.#scene.get(), element.layer);
    const from = siblings.findIndex((sibling) => sibling.id === element.id);
    const z = keyAt(siblings, element.id, from + by);
    if (z !== null) this.update(element.id, { z });
    return z !== null;
  }

  /** Makes the text equal to `value` with the smallest edit. */
  type(id: string, value: string, caret: number): void {
    const text = this.text(id);
    const edit = text && diff(text.toString(), value, caret);
    if (!text || !edit) return;
    this.doc.transact(() => {
      if (edit.remove > 0) text.delete(edit.index, edit.remove);
      if (edit.insert !== "") text.insert(edit.index, edit.insert);
    }, this);
  }

  /** Ends the current step of undo: what is typed next is a new one. */
  endStep(): void {
    this.#undo.stopCapturing();
  }

  addLayer(name: string): string {
    const id = newId();
    this.#step(() => this.#putLayer(id, name));
    return id;
  }

  updateLayer(id: string, props: Partial<Omit<Layer, "id">>): void {
    const map = this.#layers.get(id);
    if (map === undefined) return;
    this.#step(() => {
      for (const [key, value] of Object.entries(props)) {
        const kept = key === "name" && typeof value === "string" ? value.trim().slice(0, MAX_NAME) : value;
        if (kept !== "" && map.get(key) !== kept) map.set(key, kept);
      }
    });
  }

  /** Removes a layer with everything on it. */
  removeLayer(id: string): void {
    const gone = elementsOf(this.#scene.get(), id);
    this.#step(() => {
      for (const element of gone) this.#elements.delete(element.id);
      this.#layers.delete(id);
    });
  }

  /** Moves a layer to a position, counted from the bottom. */
  moveLayer(id: string, to: number): boolean {
    const z = keyAt(this.#scene.get().layers, id, to);
    if (z !== null) this.updateLayer(id, { z });
    return z !== null;
  }

  setTitle(title: string): void {
    this.#step(() => this.#meta.set("title", title));
  }

  undo(): boolean {
    return this.#undo.undo() !== null;
  }

  redo(): boolean {
    return this.#undo.redo() !== null;
  }

  // === private ===

  #step(write: () => void): void {
    this.#undo.stopCapturing();
    this.doc.transact(write, this);
    this.#undo.stopCapturing();
  }

  #home(layer: string | null): string {
    if (layer !== null && this.#layers.has(layer)) return layer;
    const top = this.#scene.get().layers.at(-1);
    if (top) return top.id;
    const id = newId();
    this.#putLayer(id, "Content");
    for (const [key, value] of Object.entries(DEFAULT_META)) {
      if (!this.#meta.has(key)) this.#meta.set(key, value);
    }
    return id;
  }

  #putLayer(id: string, name: string): void {
    const map: read.Shared = new Y.Map();
    const layer: Omit<Layer, "id"> = {
      name: name.slice(0, MAX_NAME),
      z: between(this.#scene.get().layers.at(-1)?.z ?? null, null),
      visible: true,
      locked: false,
    };
    for (const [key, value] of Object.entries(layer)) map.set(key, value);
    this.#layers.set(id, map);
  }

  #forget(event: Y.YEvent<Y.AbstractType<unknown>>): void {
    const [id] = event.path;
    if (typeof id === "string") this.#known.delete(id);
    else if (event.target === this.#elements)
      for (const key of event.changes.keys.keys()) this.#known.delete(key);
  }

  #read(): void {
    const elements: Element[] = [];
    for (const [id, map] of this.#elements) {
      const known = this.#known.get(id) ?? (map instanceof Y.Map ? read.element(id, map) : null);
      if (known === null) continue;
      this.#known.set(id, known);
      elements.push(known);
    }
    const layers: Layer[] = [];
    for (const [id, map] of this.#layers) if (map instanceof Y.Map) layers.push(read.layer(id, map));
    const meta: Meta = read.meta(this.#meta);
    this.#scene.set(compose(meta, layers, elements));
  }
}
