// Drawn over the page at screen size: selection, guides, what others select, and their pointers.

import type { CSSProperties, ReactElement } from "react";

import { useStore } from "../ui/store.ts";
import type { Corner } from "./geometry.ts";
import type { Element, Geom } from "./model.ts";
import type { Peer } from "./presence.ts";
import { inkOn } from "./read.ts";
import type { DragHandler } from "./use-drag.ts";
import type { Workspace } from "./workspace.ts";

const CORNERS: readonly Corner[] = ["nw", "ne", "sw", "se"];

const frame = ([x, y, width, height]: Geom, scale: number): CSSProperties => ({
  transform: `translate(${x * scale}px, ${y * scale}px)`,
  width: width * scale,
  height: height * scale,
});

const Cursor = ({ peer, scale }: { readonly peer: Peer; readonly scale: number }): ReactElement | null => {
  if (peer.cursor === null) return null;
  const { name, color } = peer.user;
  const { x, y } = peer.cursor;
  return (
    <div
      className="cursor"
      data-cursor={name}
      style={{ transform: `translate(${x * scale}px, ${y * scale}px)` }}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M1.5 1.5l4.6 12 2-5.4 5.4-2z" style={{ fill: color }} />
      </svg>
      <span style={{ backgroundColor: color, color: inkOn(color) }}>{name}</span>
    </div>
  );
};

interface Props {
  readonly workspace: Workspace;
  readonly scale: number;
  readonly selected: Element | undefined;
  readonly editable: boolean;
  readonly geomOf: (element: Element) => Geom;
  readonly drag: DragHandler;
}

export const Overlay = ({ workspace, scale, selected, editable, geomOf, drag }: Props): ReactElement => {
  const peers = useStore(workspace.session.presence.peers);
  const gesture = useStore(workspace.session.gestures.current);
  const { editing } = useStore(workspace.view);

  return (
    <div className="overlay" aria-hidden="true">
      {peers.map((peer) => {
        const element = workspace.element(peer.drag?.id ?? peer.selected);
        if (!element) return null;
        const style = { ...frame(geomOf(element), scale), borderColor: peer.user.color };
        return <div key={peer.client} className="peer-frame" style={style} />;
      })}
      {selected && editing === null && (
        <div className="frame" style={frame(geomOf(selected), scale)}>
          {editable &&
            CORNERS.map((corner) => (
              <div
                key={corner}
                className={`handle ${corner}`}
                onPointerDown={(event) => drag(event, selected, corner)}
              />
            ))}
        </div>
      )}
      {gesture?.guides.map(({ axis, at }) => (
        <div
          key={axis}
          className={`guide ${axis}`}
          style={axis === "x" ? { left: at * scale } : { top: at * scale }}
        />
      ))}
      {peers.map((peer) => (
        <Cursor key={peer.client} peer={peer} scale={scale} />
      ))}
    </div>
  );
};
