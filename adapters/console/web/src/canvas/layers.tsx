// The layers, topmost first, and what lies on the active one.

import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import { combine } from "@atlaskit/pragmatic-drag-and-drop/combine";
import type { FormEvent, ReactElement } from "react";
import { useEffect, useRef, useState } from "react";

import { announce } from "../ui/announce.tsx";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import type { Layer } from "./model.ts";
import { MAX_NAME } from "./model.ts";
import type { Scene } from "./scene.ts";
import { elementsOf } from "./scene.ts";
import type { Workspace } from "./workspace.ts";
import { nameOf, titleOf } from "./workspace.ts";

interface RowProps {
  readonly layer: Layer;
  readonly scene: Scene;
  readonly active: boolean;
  readonly workspace: Workspace;
}

const layerIn = (data: Readonly<Record<string | symbol, unknown>>): string | null =>
  typeof data["layer"] === "string" ? data["layer"] : null;

/** Shows a line where a dragged layer would land, and moves it there. */
const useReorder = (
  layer: string,
  onDrop: (dragged: string, above: boolean) => void,
): { readonly ref: React.RefObject<HTMLLIElement | null>; readonly edge: "above" | "below" | null } => {
  const ref = useRef<HTMLLIElement>(null);
  const [edge, setEdge] = useState<"above" | "below" | null>(null);
  const latest = useRef(onDrop);
  useEffect(() => {
    latest.current = onDrop;
  });

  useEffect(() => {
    const element = ref.current;
    const dragHandle = element?.querySelector(".grip");
    if (!element || !dragHandle) return;
    const half = (clientY: number): "above" | "below" => {
      const { top, height } = element.getBoundingClientRect();
      return clientY < top + height / 2 ? "above" : "below";
    };
    return combine(
      draggable({ element, dragHandle, getInitialData: () => ({ layer }) }),
      dropTargetForElements({
        element,
        canDrop: ({ source }) => layerIn(source.data) !== null && layerIn(source.data) !== layer,
        onDrag: ({ location }) => setEdge(half(location.current.input.clientY)),
        onDragLeave: () => setEdge(null),
        onDrop: ({ source, location }) => {
          setEdge(null);
          const dragged = layerIn(source.data);
          if (dragged) latest.current(dragged, half(location.current.input.clientY) === "above");
        },
      }),
    );
  }, [layer]);

  return { ref, edge };
};

const Rename = ({
  layer,
  onDone,
}: {
  readonly layer: Layer;
  readonly onDone: (name: string | null) => void;
}): ReactElement => {
  const ref = useRef<HTMLInputElement>(null);
  useEffect(() => ref.current?.select(), []);
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    onDone(ref.current?.value ?? null);
  };
  return (
    <form className="layer-rename" onSubmit={onSubmit}>
      <input
        ref={ref}
        className="input"
        aria-label="Name of the layer"
        defaultValue={layer.name}
        maxLength={MAX_NAME}
        onBlur={(event) => onDone(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onDone(null);
        }}
      />
    </form>
  );
};

const Row = ({ layer, scene, active, workspace }: RowProps): ReactElement => {
  const { canvas } = workspace.session;
  const { selected } = useStore(workspace.view);
  const [renaming, setRenaming] = useState(false);
  const place = scene.layers.indexOf(layer);
  const { ref, edge } = useReorder(layer.id, (dragged, above) => {
    const from = scene.layers.findIndex((other) => other.id === dragged);
    // Positions count from the bottom, without the dragged layer itself.
    canvas.moveLayer(dragged, place + (above ? 1 : 0) - (from < place ? 1 : 0));
  });

  const move = (by: 1 | -1): void => {
    const moved = canvas.moveLayer(layer.id, place + by);
    announce(
      moved ? `${layer.name} moved ${by > 0 ? "up" : "down"}.` : `${layer.name} is already at the end.`,
    );
  };
  const rename = (name: string | null): void => {
    setRenaming(false);
    if (name !== null) canvas.updateLayer(layer.id, { name });
  };
  const toggle = (key: "visible" | "locked"): void => canvas.updateLayer(layer.id, { [key]: !layer[key] });

  return (
    <li ref={ref} className="layer" data-active={active || undefined} data-edge={edge ?? undefined}>
      <div className="layer-row">
        <span className="grip" title="Drag to reorder">
          <Icon name="grip" />
        </span>
        {renaming ? (
          <Rename layer={layer} onDone={rename} />
        ) : (
          <button
            type="button"
            className="layer-name"
            aria-pressed={active}
            onClick={() => workspace.activate(layer.id)}
            onDoubleClick={() => setRenaming(true)}
          >
            {layer.name}
          </button>
        )}
        <button
          type="button"
          className="icon-button small"
          aria-label={`Show ${layer.name}`}
          aria-pressed={layer.visible}
          onClick={() => toggle("visible")}
        >
          <Icon name={layer.visible ? "eye" : "eyeOff"} />
        </button>
        <button
          type="button"
          className="icon-button small"
          aria-label={`Lock ${layer.name}`}
          aria-pressed={layer.locked}
          onClick={() => toggle("locked")}
        >
          <Icon name={layer.locked ? "lock" : "unlock"} />
        </button>
      </div>
      {active && (
        <>
          <ul className="layer-elements" aria-label={`Elements of ${layer.name}, topmost first`}>
            {elementsOf(scene, layer.id)
              .toReversed()
              .map((element) => (
                <li key={element.id}>
                  <button
                    type="button"
                    className="layer-element"
                    aria-label={nameOf(element)}
                    aria-current={element.id === selected || undefined}
                    disabled={!layer.visible}
                    onClick={() => workspace.select(element.id)}
                  >
                    <Icon name={element.kind} />
                    <span>{titleOf(element)}</span>
                    {element.locked && <Icon name="lock" />}
                  </button>
                </li>
              ))}
          </ul>
          <div className="layer-actions">
            <button
              type="button"
              className="icon-button small"
              aria-label={`Move ${layer.name} up`}
              onClick={() => move(1)}
            >
              <Icon name="up" />
            </button>
            <button
              type="button"
              className="icon-button small"
              aria-label={`Move ${layer.name} down`}
              onClick={() => move(-1)}
            >
              <Icon name="down" />
            </button>
            <button
              type="button"
              className="icon-button small"
              aria-label={`Rename ${layer.name}`}
              onClick={() => setRenaming(true)}
            >
              <Icon name="pencil" />
            </button>
            <button
              type="button"
              className="icon-button small"
              aria-label={`Delete ${layer.name} and everything on it`}
              onClick={() => {
                canvas.removeLayer(layer.id);
                announce(`${layer.name} removed. Undo with Control Z.`);
              }}
            >
              <Icon name="trash" />
            </button>
          </div>
        </>
      )}
    </li>
  );
};

export const Layers = ({ workspace }: { readonly workspace: Workspace }): ReactElement => {
  const { canvas } = workspace.session;
  const scene = useStore(canvas.scene);
  const view = useStore(workspace.view);
  const active = scene.layers.find((layer) => layer.id === view.layer) ?? scene.layers.at(-1);
  const add = (): void => {
    workspace.activate(canvas.addLayer(`Layer ${scene.layers.length + 1}`));
    announce("Layer added on top.");
  };

  return (
    <section className="section" aria-labelledby="layers-title">
      <header className="section-head">
        <h2 id="layers-title">Layers</h2>
        <button type="button" className="icon-button small" aria-label="Add a layer" onClick={add}>
          <Icon name="plus" />
        </button>
      </header>
      {scene.layers.length === 0 ? (
        <p className="quiet">The first block brings the first layer.</p>
      ) : (
        <ul className="layers" aria-label="Layers, topmost first">
          {scene.layers.toReversed().map((layer) => (
            <Row key={layer.id} layer={layer} scene={scene} active={layer === active} workspace={workspace} />
          ))}
        </ul>
      )}
    </section>
  );
};
