import { describe, expect, it } from "vitest";
import * as Y from "yjs";

import { CanvasDocument } from "./document.ts";
import type { Draft } from "./document.ts";
import type { Element } from "./model.ts";

const TEXT: Draft = { kind: "text", geom: [10, 20, 100, 40], text: "Hello" };

/** Two people on one document, connected without a network. */
const pair = (): readonly [CanvasDocument, CanvasDocument] => {
  const [one, two] = [new Y.Doc(), new Y.Doc()];
  one.on("update", (update, origin) => {
    if (origin !== "wire") Y.applyUpdate(two, update, "wire");
  });
  two.on("update", (update, origin) => {
    if (origin !== "wire") Y.applyUpdate(one, update, "wire");
  });
  return [new CanvasDocument(one), new CanvasDocument(two)];
};

const first = (canvas: CanvasDocument): Element => {
  const [element] = canvas.scene.get().elements;
  if (!element) throw new Error("the scene is empty");
  return element;
};

describe("a shared document", () => {
  it("makes a layer and a page with the first element", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    canvas.add([TEXT], null);
    const { layers, meta, elements } = canvas.scene.get();
    expect(layers.map(({ name }) => name)).toEqual(["Content"]);
    expect(meta).toMatchObject({ width: 600, height: 800 });
    expect(elements).toMatchObject([{ kind: "text", text: "Hello", geom: [10, 20, 100, 40] }]);
  });

  it("shows one person's element to the other", () => {
    const [ada, ben] = pair();
    ada.add([TEXT], null);
    expect(ben.scene.get()).toEqual(ada.scene.get());
  });

  it("stacks several new elements in the order given, as one step", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    const ids = canvas.add([TEXT, TEXT, TEXT], null);
    expect(canvas.scene.get().elements.map(({ id }) => id)).toEqual(ids);
    canvas.undo();
    expect(canvas.scene.get().elements).toEqual([]);
    expect(canvas.history.get()).toEqual({ canUndo: false, canRedo: true });
  });

  it("undoes only what was done here", () => {
    const [ada, ben] = pair();
    ada.add([TEXT], null);
    const { id } = first(ada);
    ada.update(id, { geom: [50, 50, 100, 40] });
    ben.update(id, { color: "#ff0000" });
    ada.undo();
    expect(first(ben)).toMatchObject({ geom: [10, 20, 100, 40], color: "#ff0000" });
    expect(ben.history.get().canUndo).toBe(true);
    expect(ben.undo()).toBe(true);
    expect(first(ada).color).not.toBe("#ff0000");
  });

  it("brings a removed element back with its text", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    canvas.add([TEXT], null);
    canvas.remove(first(canvas).id);
    canvas.undo();
    expect(first(canvas).text).toBe("Hello");
  });

  it("keeps both sides of two edits of one text", () => {
    const [ada, ben] = pair();
    ada.add([{ ...TEXT, text: "The fox" }], null);
    const { id } = first(ada);
    ada.type(id, "The quick fox", 10);
    ben.type(id, "The quick fox jumps", 19);
    expect(first(ada).text).toBe("The quick fox jumps");
  });

  it("undoes typing in one step, but not what came before it", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    canvas.add([TEXT], null);
    const { id } = first(canvas);
    canvas.type(id, "Hello w", 7);
    canvas.type(id, "Hello wo", 8);
    canvas.endStep();
    canvas.undo();
    expect(first(canvas).text).toBe("Hello");
  });

  it("writes nothing when nothing changes", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    canvas.add([TEXT], null);
    const { id, color } = first(canvas);
    let updates = 0;
    canvas.doc.on("update", () => {
      updates += 1;
    });
    canvas.update(id, { color });
    canvas.type(id, "Hello", 5);
    expect(updates).toBe(0);
  });

  it("keeps the identity of elements that did not change", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    const [one = "", two = ""] = canvas.add([TEXT, TEXT], null);
    const before = canvas.scene.get().elements;
    canvas.update(two, { size: 30 });
    const after = canvas.scene.get().elements;
    expect(after.find(({ id }) => id === one)).toBe(before.find(({ id }) => id === one));
    expect(after.find(({ id }) => id === two)).not.toBe(before.find(({ id }) => id === two));
  });

  it("moves elements and layers, and says when they are at the end", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    const [one = "", two = ""] = canvas.add([TEXT, TEXT], null);
    expect(canvas.raise(first(canvas), 1)).toBe(true);
    expect(canvas.scene.get().elements.map(({ id }) => id)).toEqual([two, one]);
    const top = canvas.addLayer("Top");
    expect(canvas.moveLayer(top, 1)).toBe(false);
    expect(canvas.moveLayer(top, 0)).toBe(true);
    expect(canvas.scene.get().layers[0]?.name).toBe("Top");
  });

  it("removes a layer with its elements, and undo brings back both", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    canvas.add([TEXT, TEXT], null);
    const [layer] = canvas.scene.get().layers;
    canvas.removeLayer(layer?.id ?? "");
    expect(canvas.scene.get()).toMatchObject({ layers: [], elements: [] });
    canvas.undo();
    expect(canvas.scene.get().elements).toHaveLength(2);
  });

  it("ignores an empty name", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    const id = canvas.addLayer("Top");
    canvas.updateLayer(id, { name: "   " });
    expect(canvas.scene.get().layers[0]?.name).toBe("Top");
  });

  it("copies an element with its text beside it", () => {
    const canvas = new CanvasDocument(new Y.Doc());
    canvas.add([TEXT], null);
    canvas.duplicate(first(canvas));
    expect(canvas.scene.get().elements[1]).toMatchObject({ text: "Hello", geom: [26, 36, 100, 40] });
  });
});
