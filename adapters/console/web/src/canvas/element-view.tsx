// One element on the page: drawn, focused, moved by pointer and keyboard.

import type { CSSProperties, FocusEvent, KeyboardEvent, PointerEvent, ReactElement } from "react";
import { memo, useEffect, useRef } from "react";

import { Icon } from "../ui/icon.tsx";
import { onElement } from "./keys.ts";
import type { Element, Geom } from "./model.ts";
import { KIND_NAMES, hasText } from "./model.ts";
import type { DragHandler } from "./use-drag.ts";
import type { Workspace } from "./workspace.ts";

interface Props {
  readonly element: Element;
  /** Where it is drawn: its own place, or that of a drag in flight. */
  readonly geom: Geom;
  readonly selected: boolean;
  readonly editing: boolean;
  readonly locked: boolean;
  readonly workspace: Workspace;
  readonly drag: DragHandler;
}

const box = ([x, y, width, height]: Geom): CSSProperties => ({
  transform: `translate(${x}px, ${y}px)`,
  width,
  height,
});

/** The part of the look that text and its editor share. */
export const textStyle = (element: Element): CSSProperties => ({
  fontSize: element.size,
  color: element.color,
  ...(element.fill ? { backgroundColor: element.fill } : {}),
});

const Picture = ({ element }: { readonly element: Element }): ReactElement =>
  element.src.startsWith("data:") ? (
    <img className="picture" src={element.src} alt={element.alt} draggable={false} />
  ) : (
    <span className="picture-empty">
      <Icon name="image" />
      {element.alt || (element.src ? "Shown in the message" : "Choose a picture")}
    </span>
  );

const Content = ({ element }: { readonly element: Element }): ReactElement => {
  if (element.kind === "image") return <Picture element={element} />;
  if (element.kind === "divider") return <span className="line" style={{ backgroundColor: element.color }} />;
  if (element.kind === "shape") return <span className="fill" style={{ backgroundColor: element.fill }} />;
  return (
    <span className={`words ${element.kind}`} style={textStyle(element)}>
      {element.text}
    </span>
  );
};

const View = ({ element, geom, selected, editing, locked, workspace, drag }: Props): ReactElement => {
  const ref = useRef<HTMLDivElement>(null);

  // Whatever selected it (palette, list, end of editing), the keyboard continues here.
  useEffect(() => {
    if (selected && !editing) ref.current?.focus({ preventScroll: true });
  }, [selected, editing]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const command = onElement(event);
    if (!command) return;
    event.preventDefault();
    event.stopPropagation();
    workspace.run(command);
  };

  // A held arrow key is one gesture: it ends when the key is let go.
  const onKeyUp = (event: KeyboardEvent): void => {
    if (event.key.startsWith("Arrow")) workspace.commit();
  };

  const onBlur = (event: FocusEvent): void => {
    if (event.currentTarget === ref.current) workspace.commit();
  };

  const onPointerDown = (event: PointerEvent): void => {
    workspace.select(element.id);
    if (!locked) drag(event, element, null);
  };

  // The name is what stands in the element: a reader hears what others see, with its kind before it.
  const hasWords = hasText(element.kind) || element.kind === "image";
  return (
    <div
      ref={ref}
      className="element"
      role="option"
      aria-selected={selected}
      tabIndex={0}
      data-element={element.id}
      data-kind={element.kind}
      data-locked={locked || undefined}
      data-editing={editing || undefined}
      style={box(geom)}
      onFocus={() => workspace.select(element.id)}
      onBlur={onBlur}
      onKeyDown={onKeyDown}
      onKeyUp={onKeyUp}
      onPointerDown={onPointerDown}
      onDoubleClick={() => workspace.edit(element.id)}
    >
      <span className="unseen">{`${KIND_NAMES[element.kind]}${hasWords ? ": " : ""}`}</span>
      <Content element={element} />
      {locked && <span className="unseen">, locked</span>}
    </div>
  );
};

export const ElementView = memo(View);
