// The stage: the page in its room, with everything on it.

import { dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import type { PointerEvent, ReactElement } from "react";
import { useEffect, useMemo, useRef, useState } from "react";

import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import { ElementView } from "./element-view.tsx";
import { Empty } from "./empty.tsx";
import { fit } from "./geometry.ts";
import type { Element, Geom, Point } from "./model.ts";
import { Overlay } from "./overlay.tsx";
import { kindOf } from "./palette.tsx";
import { isEditable, isVisible } from "./scene.ts";
import { TextEditor } from "./text-editor.tsx";
import { useDrag } from "./use-drag.ts";
import type { Workspace } from "./workspace.ts";

/** Free screen pixels around a page that fits. */
const MARGIN = 24;

export const Stage = ({ workspace }: { readonly workspace: Workspace }): ReactElement => {
  const { canvas, presence, gestures, connection } = workspace.session;
  const scene = useStore(canvas.scene);
  const view = useStore(workspace.view);
  const peers = useStore(presence.peers);
  const gesture = useStore(gestures.current);
  const { phase } = useStore(connection);

  const roomRef = useRef<HTMLDivElement>(null);
  const pageRef = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const scale = view.zoom ?? fit(scene.meta, room, MARGIN);
  const scaleRef = useRef(scale);
  const drag = useDrag(workspace, scaleRef);

  useEffect(() => {
    scaleRef.current = scale;
    workspace.drawnAt(scale);
  }, [workspace, scale]);

  useEffect(() => {
    const element = roomRef.current;
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setRoom({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const toPage = (clientX: number, clientY: number): Point => {
    const corner = pageRef.current?.getBoundingClientRect();
    return {
      x: Math.round((clientX - (corner?.left ?? 0)) / scaleRef.current),
      y: Math.round((clientY - (corner?.top ?? 0)) / scaleRef.current),
    };
  };

  useEffect(() => {
    const element = roomRef.current;
    if (!element) return;
    return dropTargetForElements({
      element,
      canDrop: ({ source }) => kindOf(source.data) !== null,
      onDrop: ({ source, location }) => {
        const kind = kindOf(source.data);
        const { clientX, clientY } = location.current.input;
        if (kind) workspace.add(kind, toPage(clientX, clientY));
      },
    });
  }, [workspace]);

  const inFlight = useMemo(
    () => new Map(peers.flatMap(({ drag: other }) => (other ? [[other.id, other.geom] as const] : []))),
    [peers],
  );
  const geomOf = (element: Element): Geom =>
    gesture?.id === element.id ? gesture.geom : (inFlight.get(element.id) ?? element.geom);

  const shown = scene.elements.filter((element) => isVisible(scene, element));
  const selected = shown.find((element) => element.id === view.selected);
  const edited = shown.find((element) => element.id === view.editing);
  const { width, height, background } = scene.meta;

  // A press beside all elements lets go of the selection.
  const onPointerDown = (event: PointerEvent): void => {
    if (
      event.target instanceof HTMLElement &&
      !event.target.closest(".element, .editor, .handle, .empty, .zoom")
    ) {
      workspace.select(null);
    }
  };

  return (
    <section className="stage" aria-label="Page">
      <div
        ref={roomRef}
        className="room"
        onPointerDown={onPointerDown}
        onPointerMove={(event) => presence.point(toPage(event.clientX, event.clientY))}
        onPointerLeave={() => presence.point(null)}
      >
        <div className="sheet" style={{ width: width * scale, height: height * scale }}>
          <div
            ref={pageRef}
            className="page"
            style={{ width, height, backgroundColor: background, transform: `scale(${scale})` }}
          >
            {shown.length > 0 && (
              <div role="listbox" aria-label="Elements, bottom to top" className="elements">
                {shown.map((element) => (
                  <ElementView
                    key={element.id}
                    element={element}
                    geom={geomOf(element)}
                    selected={element.id === view.selected}
                    editing={element.id === view.editing}
                    locked={!isEditable(scene, element)}
                    workspace={workspace}
                    drag={drag}
                  />
                ))}
              </div>
            )}
            {edited && <TextEditor key={edited.id} element={edited} workspace={workspace} />}
          </div>
          {scene.elements.length === 0 && <Empty workspace={workspace} phase={phase} />}
          <Overlay
            workspace={workspace}
            scale={scale}
            selected={selected}
            editable={selected !== undefined && isEditable(scene, selected)}
            geomOf={geomOf}
            drag={drag}
          />
        </div>
      </div>
      <div className="zoom" role="group" aria-label="Zoom">
        <button
          type="button"
          className="icon-button"
          aria-label="Zoom out"
          onClick={() => workspace.run({ type: "zoom", by: -1 })}
        >
          <Icon name="minus" />
        </button>
        <span className="zoom-value">{Math.round(scale * 100)} %</span>
        <button
          type="button"
          className="icon-button"
          aria-label="Zoom in"
          onClick={() => workspace.run({ type: "zoom", by: 1 })}
        >
          <Icon name="plus" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Zoom to fit"
          onClick={() => workspace.run({ type: "zoom", by: 0 })}
        >
          <Icon name="fit" />
        </button>
      </div>
    </section>
  );
};
