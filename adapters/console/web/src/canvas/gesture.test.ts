import { describe, expect, it } from "vitest";

import { Gestures } from "./gesture.ts";
import type { Geom } from "./model.ts";

const ELEMENT = { id: "e", geom: [0, 0, 10, 10] as Geom };

const watched = () => {
  const log: string[] = [];
  const gestures = new Gestures(
    { update: (id, props) => void log.push(`write ${id} ${props.geom?.join(",")}`) },
    { drag: (drag) => void log.push(drag ? `show ${drag.geom.join(",")}` : "end") },
  );
  return { gestures, log };
};

describe("a gesture", () => {
  it("shows every movement and writes once, before it ends", () => {
    const { gestures, log } = watched();
    gestures.begin(ELEMENT);
    gestures.to([1, 0, 10, 10]);
    gestures.to([2, 0, 10, 10]);
    expect(gestures.commit()).toEqual([2, 0, 10, 10]);
    expect(log).toEqual(["show 1,0,10,10", "show 2,0,10,10", "write e 2,0,10,10", "end"]);
  });

  it("writes nothing when it comes back to its start, or is cancelled", () => {
    const { gestures, log } = watched();
    gestures.begin(ELEMENT);
    gestures.to(ELEMENT.geom);
    expect(gestures.commit()).toBeNull();
    gestures.begin(ELEMENT);
    gestures.to([9, 9, 10, 10]);
    gestures.cancel();
    expect(log.filter((line) => line.startsWith("write"))).toEqual([]);
    expect(gestures.current.get()).toBeNull();
  });

  it("goes on for the same element and commits for another one", () => {
    const { gestures, log } = watched();
    gestures.begin(ELEMENT);
    gestures.to([5, 0, 10, 10]);
    expect(gestures.begin(ELEMENT).geom).toEqual([5, 0, 10, 10]);
    gestures.begin({ id: "f", geom: ELEMENT.geom });
    expect(log).toContain("write e 5,0,10,10");
  });
});
