// The document model, as the server and every other client read it (see docs/guides/console.md).

/** What an element is. */
export const KINDS = ["text", "button", "image", "shape", "divider"] as const;
export type Kind = (typeof KINDS)[number];

/** Place and size in page pixels: x, y, width, height. One atomic value in the document. */
export type Geom = readonly [x: number, y: number, width: number, height: number];

/** A point in page pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** One element as read from the document; never changed in place. */
export interface Element {
  readonly id: string;
  readonly kind: Kind;
  readonly layer: string;
  readonly geom: Geom;
  /** Order inside the layer: a fractional index, see `order.ts`. */
  readonly z: string;
  readonly text: string;
  readonly src: string;
  readonly alt: string;
  readonly href: string;
  readonly fill: string;
  readonly color: string;
  /** Font size in pixels. */
  readonly size: number;
  readonly locked: boolean;
}

/** The plain properties of an element: everything but identity and shared text. */
export type Props = Omit<Element, "id" | "kind" | "text">;

export interface Layer {
  readonly id: string;
  readonly name: string;
  readonly z: string;
  readonly visible: boolean;
  readonly locked: boolean;
}

export interface Meta {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly background: string;
}

/** Whether an element carries shared text. */
export const hasText = (kind: Kind): boolean => kind === "text" || kind === "button";

/** Smallest side of an element in page pixels; a divider may be this thin. */
export const MIN_SIDE = 2;
/** Longest image address that is believed, in bytes; the server's limit. */
export const MAX_SRC_BYTES = 2 * 1024 * 1024;
/** Longest text in UTF-16 units: at most 100 000 bytes, the server's limit, whatever the letters. */
export const MAX_TEXT = 33_000;
/** Longest name of a layer or a person in UTF-16 units. */
export const MAX_NAME = 40;

export const DEFAULT_META: Meta = { title: "", width: 600, height: 800, background: "#ffffff" };

/** What a new element of a kind looks like before anybody changes it. */
export const DEFAULTS: Readonly<
  Record<
    Kind,
    Pick<Element, "text" | "fill" | "color" | "size"> & { readonly side: readonly [number, number] }
  >
> = {
  text: { side: [320, 64], text: "Write something worth opening", fill: "", color: "#1d1d1b", size: 20 },
  button: { side: [200, 48], text: "Read more", fill: "#0f6b5c", color: "#ffffff", size: 16 },
  image: { side: [280, 180], text: "", fill: "", color: "", size: 16 },
  shape: { side: [200, 120], text: "", fill: "#f3d9a4", color: "", size: 16 },
  divider: { side: [520, 2], text: "", fill: "", color: "#d5d3cc", size: 16 },
};

/** The fill of an element whose document names none: the same that the server's exports draw. */
export const ABSENT_FILL: Readonly<Record<Kind, string>> = {
  text: "",
  button: "#1d4ed8",
  image: "",
  shape: "#e5e7eb",
  divider: "",
};

export const KIND_NAMES: Readonly<Record<Kind, string>> = {
  text: "Text",
  button: "Button",
  image: "Image",
  shape: "Shape",
  divider: "Divider",
};
