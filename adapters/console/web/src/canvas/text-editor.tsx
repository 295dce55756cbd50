// Edits text in place: a text area that is bound to the shared text, both ways, by smallest edits.

import type { KeyboardEvent, ReactElement } from "react";
import { useEffect, useRef } from "react";
import type * as Y from "yjs";

import { textStyle } from "./element-view.tsx";
import { onPage } from "./keys.ts";
import type { Element } from "./model.ts";
import { MAX_TEXT } from "./model.ts";
import { follow } from "./text.ts";
import type { Workspace } from "./workspace.ts";
import { nameOf } from "./workspace.ts";

interface Props {
  readonly element: Element;
  readonly workspace: Workspace;
}

export const TextEditor = ({ element, workspace }: Props): ReactElement => {
  const ref = useRef<HTMLTextAreaElement>(null);
  const { canvas } = workspace.session;
  const { id } = element;

  useEffect(() => {
    const area = ref.current;
    const text = canvas.text(id);
    if (!area || !text) return;
    area.value = text.toString();
    area.focus({ preventScroll: true });
    area.select();

    let composing = false;
    const onText = (event: Y.YTextEvent, transaction: Y.Transaction): void => {
      // What was typed here is in the area already; while an input method composes, its text must not be touched.
      if (transaction.origin === canvas || composing) return;
      const [start, end] = [area.selectionStart, area.selectionEnd].map((caret) =>
        follow(caret, event.delta),
      );
      area.value = text.toString();
      if (start !== undefined && end !== undefined) area.setSelectionRange(start, end);
    };
    const write = (): void => canvas.type(id, area.value, area.selectionStart);
    const onStart = (): void => {
      composing = true;
    };
    const onEnd = (): void => {
      composing = false;
      write();
    };
    // While composing, the area is ahead of others' edits: a diff now would undo them.
    const onInput = (): void => {
      if (!composing) write();
    };

    text.observe(onText);
    area.addEventListener("input", onInput);
    area.addEventListener("compositionstart", onStart);
    area.addEventListener("compositionend", onEnd);
    return () => {
      text.unobserve(onText);
      area.removeEventListener("input", onInput);
      area.removeEventListener("compositionstart", onStart);
      area.removeEventListener("compositionend", onEnd);
    };
  }, [canvas, id]);

  const end = (): void => {
    const area = ref.current;
    const [x, y, width, height] = element.geom;
    // The box grows with its text, so that nothing is cut off in the message.
    if (area && area.scrollHeight > height + 1) canvas.update(id, { geom: [x, y, width, area.scrollHeight] });
    workspace.edit(null);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const command = onPage(event);
    if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      end();
    } else if (command?.type === "undo" || command?.type === "redo") {
      // The shared history, not that of the text area: the latter knows nothing of other people's edits.
      event.preventDefault();
      workspace.run(command);
    }
  };

  const [x, y, width, height] = element.geom;
  return (
    <textarea
      ref={ref}
      className={`editor ${element.kind}`}
      maxLength={MAX_TEXT}
      aria-label={`Edit ${nameOf(element)}`}
      style={{ ...textStyle(element), transform: `translate(${x}px, ${y}px)`, width, minHeight: height }}
      onBlur={end}
      onKeyDown={onKeyDown}
    />
  );
};
