// The palette: drag a block onto the page, or press it to add it in the middle.

import { draggable } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import type { ReactElement } from "react";
import { useEffect, useRef } from "react";

import { Icon } from "../ui/icon.tsx";
import type { Kind } from "./model.ts";
import { KIND_NAMES, KINDS } from "./model.ts";
import type { Workspace } from "./workspace.ts";

/** The kind that a drag from the palette carries; `null` for any other drag. */
export const kindOf = (data: Readonly<Record<string | symbol, unknown>>): Kind | null =>
  KINDS.find((kind) => kind === data["kind"]) ?? null;

const Block = ({ kind, onAdd }: { readonly kind: Kind; readonly onAdd: () => void }): ReactElement => {
  const ref = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const element = ref.current;
    return element ? draggable({ element, getInitialData: () => ({ kind }) }) : undefined;
  }, [kind]);
  return (
    <button ref={ref} type="button" className="block" onClick={onAdd}>
      <Icon name={kind} />
      <span className="unseen">Add </span>
      {KIND_NAMES[kind]}
    </button>
  );
};

export const Palette = ({ workspace }: { readonly workspace: Workspace }): ReactElement => (
  <section className="section" aria-labelledby="palette-title">
    <h2 id="palette-title">Blocks</h2>
    <div className="blocks">
      {KINDS.map((kind) => (
        <Block key={kind} kind={kind} onAdd={() => workspace.add(kind)} />
      ))}
    </div>
  </section>
);
