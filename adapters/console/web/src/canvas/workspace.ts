// What this person is doing with the document: selection, editing, zoom. Every command ends up here.

import { announce } from "../ui/announce.tsx";
import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import { centredAt, moved, resized } from "./geometry.ts";
import type { Command } from "./keys.ts";
import type { Element, Geom, Kind, Point } from "./model.ts";
import { DEFAULTS, KIND_NAMES, hasText } from "./model.ts";
import { isEditable } from "./scene.ts";
import type { Session } from "./session.ts";
import { STARTER } from "./starter.ts";

export interface View {
  readonly selected: string | null;
  /** Element whose text is being edited in place. */
  readonly editing: string | null;
  /** Layer that receives new elements. */
  readonly layer: string | null;
  /** Scale of the page; `null` fits it into the room. */
  readonly zoom: number | null;
  readonly help: boolean;
}

const ZOOM_STEP = 1.25;
const ZOOM_RANGE = [0.2, 4] as const;

/** The words of an element on one line of at most 40 letters; its kind when it has none. */
export const titleOf = (element: Element): string => {
  const words = (hasText(element.kind) ? element.text : element.alt).replace(/\s+/gu, " ").trim();
  const letters = [...words];
  const short = letters.length > 40 ? `${letters.slice(0, 39).join("")}…` : words;
  return short || KIND_NAMES[element.kind];
};

/** How an element is called where its icon is not seen: "Text: Hello". */
export const nameOf = (element: Element): string => {
  const [kind, title] = [KIND_NAMES[element.kind], titleOf(element)];
  return kind === title ? kind : `${kind}: ${title}`;
};

export class Workspace {
  readonly session: Session;
  readonly #view = new Store<View>({ selected: null, editing: null, layer: null, zoom: null, help: false });
  /** Scale that the page is drawn at now, also while it fits the room. */
  #scale = 1;

  constructor(session: Session) {
    this.session = session;
  }

  get view(): Readable<View> {
    return this.#view;
  }

  element(id: string | null): Element | undefined {
    return id === null
      ? undefined
      : this.session.canvas.scene.get().elements.find((element) => element.id === id);
  }

  readonly drawnAt = (scale: number): void => {
    this.#scale = scale;
  };

  readonly select = (id: string | null): void => {
    if (id === this.#view.get().selected) return;
    this.session.gestures.commit();
    const layer = this.element(id)?.layer ?? this.#view.get().layer;
    this.#patch({ selected: id, editing: null, layer });
    this.session.presence.select(id);
  };

  readonly activate = (layer: string): void => this.#patch({ layer });

  readonly edit = (id: string | null): void => {
    const element = this.element(id);
    this.session.canvas.endStep();
    if (id === null) return this.#patch({ editing: null });
    if (!element || !hasText(element.kind) || !this.#mayChange(element)) return;
    this.select(id);
    this.#patch({ editing: id });
  };

  readonly showHelp = (help: boolean): void => this.#patch({ help });

  /** Adds an element with its centre at a point, or in the middle of the page. */
  readonly add = (kind: Kind, at?: Point): void => {
    const { canvas } = this.session;
    const { meta, elements } = canvas.scene.get();
    // Elements added one after another do not hide each other.
    const shift = (elements.length % 8) * 20;
    const centre = at ?? { x: meta.width / 2, y: Math.min(meta.height / 3 + shift, meta.height - 60) };
    const draft = { kind, geom: centredAt(centre, DEFAULTS[kind].side, meta) };
    this.select(canvas.add([draft], this.#view.get().layer)[0] ?? null);
    announce(`${KIND_NAMES[kind]} added. Use the arrow keys to move it.`);
  };

  /** Fills an empty page; one step of undo takes all of it away. */
  readonly addStarter = (): void => {
    this.session.canvas.add(STARTER, null);
    announce(`A layout of ${STARTER.length} elements was added.`);
  };

  /** Runs a command of the page, or of the selected element. */
  readonly run = (command: Command): void => {
    const { canvas, gestures } = this.session;
    switch (command.type) {
      case "undo":
        gestures.cancel();
        return announce(canvas.undo() ? "Undone." : "Nothing to undo.");
      case "redo":
        return announce(canvas.redo() ? "Redone." : "Nothing to redo.");
      case "help":
        return this.showHelp(true);
      case "zoom":
        return this.#zoom(command.by);
      case "add":
        return this.add(command.kind);
      default: {
        const element = this.element(this.#view.get().selected);
        if (element) this.#onElement(element, command);
      }
    }
  };

  /** Ends a gesture and says where the element is now. */
  readonly commit = (): void => {
    const geom = this.session.gestures.commit();
    if (geom) announce(where(geom));
  };

  // === private ===

  #onElement(element: Element, command: Command): void {
    const { canvas, gestures } = this.session;
    if (command.type === "escape") {
      if (gestures.current.get()) return gestures.cancel();
      return this.select(null);
    }
    if (command.type === "duplicate") {
      this.select(canvas.duplicate(element));
      return announce("Duplicated.");
    }
    if (command.type === "lock") {
      canvas.update(element.id, { locked: !element.locked });
      return announce(element.locked ? "Unlocked." : "Locked.");
    }
    if (!this.#mayChange(element)) return;
    switch (command.type) {
      case "nudge": {
        const { geom } = gestures.begin(element);
        return gestures.to(moved(geom, command.dx, command.dy, canvas.scene.get().meta));
      }
      case "grow": {
        const { geom } = gestures.begin(element);
        return gestures.to(resized(geom, "se", command.dx, command.dy));
      }
      case "raise": {
        const way = command.by > 0 ? "forward" : "backward";
        const end = command.by > 0 ? "in front" : "at the back";
        return announce(canvas.raise(element, command.by) ? `Moved ${way}.` : `Already ${end} on its layer.`);
      }
      case "edit":
        return this.edit(element.id);
      case "remove":
        this.select(null);
        canvas.remove(element.id);
        return announce(`${KIND_NAMES[element.kind]} removed. Undo with Control Z.`);
      default:
    }
  }

  #mayChange(element: Element): boolean {
    const editable = isEditable(this.session.canvas.scene.get(), element);
    if (!editable) announce("This element is locked.");
    return editable;
  }

  #zoom(by: 1 | 0 | -1): void {
    const [least, most] = ZOOM_RANGE;
    const zoom = by === 0 ? null : Math.min(Math.max(this.#scale * ZOOM_STEP ** by, least), most);
    this.#patch({ zoom });
    announce(zoom === null ? "Fits the window." : `Zoom ${Math.round(zoom * 100)} percent.`);
  }

  #patch(change: Partial<View>): void {
    this.#view.set({ ...this.#view.get(), ...change });
  }
}

const where = ([x, y, width, height]: Geom): string => `At ${x}, ${y}; ${width} by ${height} pixels.`;
