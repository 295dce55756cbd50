// Pointer gestures: move an element, or pull one of its corners.

import type { PointerEvent, RefObject } from "react";
import { useCallback } from "react";

import type { Corner } from "./geometry.ts";
import { moved, resized, snapped } from "./geometry.ts";
import type { Element } from "./model.ts";
import { isVisible } from "./scene.ts";
import type { Workspace } from "./workspace.ts";

/** Starts a gesture; `corner` is the one that is pulled, `null` moves the whole element. */
export type DragHandler = (event: PointerEvent, element: Element, corner: Corner | null) => void;

/** Movement below this many screen pixels is a click. */
const SLACK = 3;
/** Distance in screen pixels at which an edge snaps to another one. */
const REACH = 5;

export const useDrag = (workspace: Workspace, scale: RefObject<number>): DragHandler =>
  useCallback(
    (down, element, corner) => {
      if (down.button !== 0 || !(down.currentTarget instanceof HTMLElement)) return;
      const target = down.currentTarget;
      const { canvas, gestures } = workspace.session;
      const scene = canvas.scene.get();
      const others = scene.elements
        .filter((other) => other.id !== element.id && isVisible(scene, other))
        .map((other) => other.geom);
      let begun = false;

      const move = (event: globalThis.PointerEvent): void => {
        if (event.pointerId !== down.pointerId) return;
        let dx = (event.clientX - down.clientX) / scale.current;
        let dy = (event.clientY - down.clientY) / scale.current;
        if (!begun) {
          if (Math.hypot(dx, dy) * scale.current < SLACK) return;
          begun = true;
          target.setPointerCapture(down.pointerId);
          gestures.begin(element);
        }
        // Cancelled by Escape, or the element is gone.
        if (gestures.current.get()?.id !== element.id || !workspace.element(element.id)) return stop();
        if (corner) return gestures.to(resized(element.geom, corner, dx, dy));
        if (event.shiftKey) [dx, dy] = Math.abs(dx) > Math.abs(dy) ? [dx, 0] : [0, dy];
        const place = moved(element.geom, dx, dy, scene.meta);
        const { geom, guides } = snapped(place, others, scene.meta, event.altKey ? 0 : REACH / scale.current);
        gestures.to(geom, guides);
      };

      const stop = (): void => {
        target.removeEventListener("pointermove", move);
        target.removeEventListener("pointerup", up);
        target.removeEventListener("pointercancel", cancel);
        if (begun && !workspace.element(element.id)) gestures.cancel();
      };
      const up = (): void => {
        stop();
        workspace.commit();
      };
      const cancel = (): void => {
        stop();
        gestures.cancel();
      };

      target.addEventListener("pointermove", move);
      target.addEventListener("pointerup", up);
      target.addEventListener("pointercancel", cancel);
    },
    [workspace, scale],
  );
