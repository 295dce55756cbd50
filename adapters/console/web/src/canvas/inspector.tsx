// The properties of the selected element.

import type { ReactElement } from "react";
import { useEffect, useId, useRef } from "react";

import { announce } from "../ui/announce.tsx";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import type { Element, Geom, Props } from "./model.ts";
import { KIND_NAMES, MIN_SIDE, hasText } from "./model.ts";
import { load } from "./picture.ts";
import { isLink } from "./read.ts";
import { isEditable } from "./scene.ts";
import type { Workspace } from "./workspace.ts";

interface FieldProps<T> {
  readonly label: string;
  readonly value: T;
  readonly disabled: boolean;
  readonly onChange: (value: T) => void;
}

// Fields write when they are left, or on Enter: one change of the document, not one per key.
const TextField = ({ label, value, disabled, onChange }: FieldProps<string>): ReactElement => {
  const id = useId();
  return (
    <div className="field wide">
      <label htmlFor={id}>{label}</label>
      <input
        key={value}
        id={id}
        className="input"
        defaultValue={value}
        disabled={disabled}
        maxLength={2000}
        onBlur={(event) => {
          if (event.currentTarget.value !== value) onChange(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
        }}
      />
    </div>
  );
};

const NumberField = ({ label, value, disabled, onChange }: FieldProps<number>): ReactElement => {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        key={value}
        id={id}
        className="input"
        type="number"
        defaultValue={value}
        disabled={disabled}
        onBlur={(event) => {
          const next = Math.round(event.currentTarget.valueAsNumber);
          if (Number.isFinite(next) && next !== value) onChange(next);
          else event.currentTarget.value = String(value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
        }}
      />
    </div>
  );
};

const ColorField = ({ label, value, disabled, onChange }: FieldProps<string>): ReactElement => {
  const id = useId();
  const ref = useRef<HTMLInputElement>(null);
  // React's onChange follows every movement in the picker; the browser's own `change` comes once, at the end.
  useEffect(() => {
    const input = ref.current;
    const write = (): void => onChange(input?.value ?? value);
    input?.addEventListener("change", write);
    return () => input?.removeEventListener("change", write);
  }, [onChange, value]);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        key={value}
        ref={ref}
        id={id}
        className="swatch"
        type="color"
        defaultValue={value || "#ffffff"}
        disabled={disabled}
      />
    </div>
  );
};

const PictureField = ({
  disabled,
  onChange,
}: {
  readonly disabled: boolean;
  readonly onChange: (src: string) => void;
}): ReactElement => {
  const id = useId();
  const read = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    try {
      onChange(await load(file));
      announce("Picture set.");
    } catch (problem) {
      announce(problem instanceof Error ? problem.message : "The picture could not be read.");
    }
  };
  return (
    <div className="field wide">
      <label htmlFor={id}>Picture</label>
      <input
        id={id}
        className="input file"
        type="file"
        accept="image/*"
        disabled={disabled}
        onChange={(event) => void read(event.currentTarget.files?.[0])}
      />
    </div>
  );
};

const SIDES = ["X", "Y", "W", "H"] as const;
/** Farthest pixel that can be typed. */
const FAR = 10_000;

const replaced = (geom: Geom, index: number, value: number): Geom => {
  const next: [number, number, number, number] = [...geom];
  next[index] = Math.min(Math.max(value, index < 2 ? -FAR : MIN_SIDE), FAR);
  return next;
};

const Fields = ({
  element,
  workspace,
}: {
  readonly element: Element;
  readonly workspace: Workspace;
}): ReactElement => {
  const { canvas } = workspace.session;
  const scene = useStore(canvas.scene);
  const disabled = !isEditable(scene, element);
  const id = useId();
  const set = (props: Partial<Props>): void => canvas.update(element.id, props);
  const { kind } = element;
  // "example.com" is meant as a page; anything that is no link would be refused by the server's exports.
  const setLink = (typed: string): void => {
    const href = typed === "" || isLink(typed) ? typed : `https://${typed}`;
    if (href === "" || isLink(href)) set({ href });
    else announce("A link begins with https:, mailto: or tel:, without spaces.");
  };

  return (
    <>
      <div className="fields">
        {SIDES.map((side, index) => (
          <NumberField
            key={side}
            label={side}
            value={element.geom[index] ?? 0}
            disabled={disabled}
            onChange={(value) => set({ geom: replaced(element.geom, index, value) })}
          />
        ))}
        {hasText(kind) && (
          <NumberField
            label="Size"
            value={element.size}
            disabled={disabled}
            onChange={(size) => set({ size: Math.min(Math.max(size, 1), 400) })}
          />
        )}
        {kind !== "image" && kind !== "shape" && (
          <ColorField
            label={hasText(kind) ? "Text" : "Line"}
            value={element.color}
            disabled={disabled}
            onChange={(color) => set({ color })}
          />
        )}
        {(kind === "button" || kind === "shape") && (
          <ColorField
            label="Fill"
            value={element.fill}
            disabled={disabled}
            onChange={(fill) => set({ fill })}
          />
        )}
        {kind === "image" && <PictureField disabled={disabled} onChange={(src) => set({ src })} />}
        {kind === "image" && (
          <TextField
            label="Description"
            value={element.alt}
            disabled={disabled}
            onChange={(alt) => set({ alt })}
          />
        )}
        {(kind === "button" || kind === "image") && (
          <TextField
            label="Link"
            value={element.href}
            disabled={disabled}
            onChange={(link) => setLink(link.trim())}
          />
        )}
        <div className="field wide">
          <label htmlFor={id}>Layer</label>
          <select
            id={id}
            className="input"
            value={element.layer}
            disabled={disabled}
            onChange={(event) => set({ layer: event.currentTarget.value })}
          >
            {scene.layers.toReversed().map((layer) => (
              <option key={layer.id} value={layer.id}>
                {layer.name}
              </option>
            ))}
          </select>
        </div>
      </div>
      <div className="row" role="group" aria-label="Element">
        <button
          type="button"
          className="icon-button"
          aria-label="Bring forward"
          onClick={() => workspace.run({ type: "raise", by: 1 })}
        >
          <Icon name="up" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Send backward"
          onClick={() => workspace.run({ type: "raise", by: -1 })}
        >
          <Icon name="down" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Duplicate"
          onClick={() => workspace.run({ type: "duplicate" })}
        >
          <Icon name="copy" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Lock element"
          aria-pressed={element.locked}
          onClick={() => workspace.run({ type: "lock" })}
        >
          <Icon name={element.locked ? "lock" : "unlock"} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Remove"
          onClick={() => workspace.run({ type: "remove" })}
        >
          <Icon name="trash" />
        </button>
      </div>
    </>
  );
};

export const Inspector = ({ workspace }: { readonly workspace: Workspace }): ReactElement | null => {
  const scene = useStore(workspace.session.canvas.scene);
  const { selected } = useStore(workspace.view);
  const element = scene.elements.find((candidate) => candidate.id === selected);
  if (!element) return null;
  return (
    <section className="section" aria-labelledby="inspector-title">
      <h2 id="inspector-title">{KIND_NAMES[element.kind]}</h2>
      <Fields key={element.id} element={element} workspace={workspace} />
    </section>
  );
};
