import { describe, expect, it } from "vitest";

import { duration, percent } from "../ui/format.ts";
import { delay } from "../ui/live.ts";
import { axisEnd } from "./interval-chart.tsx";
import { parse } from "./model.ts";
import type { Event, Journey } from "./reducer.ts";
import { START, hasBegun, reduce } from "./reducer.ts";

const frame = (seq: number, step: string, state: string, data: object = {}, detail = ""): Event => {
  const read = parse(JSON.stringify({ seq, step, state, title: "", detail, elapsed_ms: seq * 10, data }));
  if (!read) throw new Error("the test's frame is not one");
  return { type: "frame", frame: read };
};

const run = (...events: readonly Event[]): Journey => events.reduce(reduce, START);
const open: Event = { type: "link", link: "open" };
const states = (journey: Journey): string => journey.steps.map(({ state }) => state[0]).join("");

describe("the journey", () => {
  it("begins with six steps that wait", () => {
    expect(states(START)).toBe("wwwwww");
    expect(hasBegun(START)).toBe(false);
  });

  it("follows its frames", () => {
    const journey = run(
      open,
      frame(1, "canvas", "running"),
      frame(2, "canvas", "done"),
      frame(3, "mesh", "running"),
    );
    expect(states(journey)).toBe("drwwww");
    expect(journey.steps[0]).toMatchObject({ title: "Edit together", elapsedMs: 20 });
  });

  it("shows the draft as it grows, and keeps it afterwards", () => {
    const streaming = run(
      open,
      frame(1, "mesh", "running", { draft: "Sum" }),
      frame(2, "mesh", "running", { draft: "Summer" }),
    );
    expect(streaming.draft).toEqual({ subject: "", text: "Summer" });
    const done = reduce(streaming, frame(3, "mesh", "done", { draft: "Summer!", subject: "Hello" }));
    expect(reduce(done, frame(4, "export", "done")).draft).toEqual({ subject: "Hello", text: "Summer!" });
  });

  it("ignores a frame that is not newer", () => {
    const journey = run(open, frame(5, "canvas", "done"));
    expect(reduce(journey, frame(5, "canvas", "failed"))).toBe(journey);
  });

  it("begins again on a new connection, and with a new run", () => {
    const ended = run(open, frame(7, "canvas", "done"), frame(9, "verify", "done"));
    expect(states(reduce(ended, open))).toBe("wwwwww");
    expect(states(reduce(ended, frame(10, "canvas", "running")))).toBe("rwwwww");
  });

  it("keeps what it shows while the connection is lost", () => {
    const journey = run(open, frame(1, "canvas", "done"), { type: "link", link: "closed" });
    expect(states(journey)).toBe("dwwwww");
  });

  it("keeps the last detail when a later frame has none", () => {
    const journey = run(open, frame(1, "trust", "running", {}, "signing"), frame(2, "trust", "done"));
    expect(journey.steps[4]).toMatchObject({ state: "done", detail: "signing" });
  });
});

describe("a frame", () => {
  it.each([
    "",
    "[]",
    "null",
    "{",
    '{"seq":"1","step":"canvas","state":"done"}',
    '{"seq":1,"step":"lunch","state":"done"}',
    '{"seq":1,"step":"mesh","state":"waiting"}',
  ])("is not %j", (text) => {
    expect(parse(text)).toBeNull();
  });

  it("keeps a probability inside its interval, and both inside 0 and 1", () => {
    const subjects = [{ subject: "a", probability: 0.4, low: 0.6, high: 7 }, { subject: "b" }];
    const read = parse(
      JSON.stringify({ seq: 1, step: "analytics", state: "done", data: { scores: subjects } }),
    );
    expect(read?.subjects).toEqual([
      { text: "a", probability: 0.4, low: 0.4, high: 1, chosen: false },
      { text: "b", probability: 0, low: 0, high: 0, chosen: false },
    ]);
  });
});

it("waits longer after each failure, but never more than half a minute", () => {
  expect([0, 1, 2, 3].map((attempt) => delay(attempt, 0))).toEqual([1000, 2000, 4000, 8000]);
  expect(delay(50, 0)).toBe(30_000);
  expect(delay(0, 1)).toBe(750);
});

it("shows numbers for people", () => {
  expect([12, 999.6, 1234, 61_000].map(duration)).toEqual(["12 ms", "1000 ms", "1.2 s", "1 min 1 s"]);
  expect(percent(0.3174)).toBe("31.7 %");
  const subject = { text: "", probability: 0.3, low: 0.2, chosen: false };
  expect(axisEnd([{ ...subject, high: 0.42 }])).toBe(0.5);
  expect(axisEnd([{ ...subject, high: 0.99 }])).toBe(1);
  expect(axisEnd([])).toBe(0.1);
});
