import { describe, expect, it } from "vitest";

import type { Topology } from "./model.ts";
import { parse } from "./model.ts";
import { zones } from "./node-map.tsx";
import type { Event, Mesh } from "./reducer.ts";
import { MOST_SAMPLES, START, quantile, reduce, shown, summary } from "./reducer.ts";
import { axisTop, points } from "./times-chart.tsx";
import { label, load, models, origin } from "./words.ts";

const NODE = {
  name: "gpu-1",
  source: "static",
  models: ["small"],
  zone: null,
  breaker: "closed",
  draining: false,
  available: true,
  suspect: false,
  share: 0.5,
  inflight: 2,
  waiting: 1,
  peers_inflight: 0,
  capacity: null,
  expected_ms: 120.4,
  first_byte: { count: 12, p50_ms: 110, p90_ms: 180, p99_ms: 410 },
  duration: { count: 11, p50_ms: 1900, p90_ms: 2500, p99_ms: 4000 },
  prompts: 12,
  failures: 1,
  out_ms: 0,
};

const topology = (seq: number, ...nodes: readonly object[]): Topology => {
  const all = nodes.map((node, index) => ({ ...NODE, name: `gpu-${index + 1}`, ...node }));
  const read = parse(JSON.stringify({ type: "nodes", seq, nodes: all, instance: "east", peers: [] }));
  if (!read) throw new Error("the test's frame is not one");
  return read;
};
const frame = (seq: number, ...nodes: readonly object[]): Event => ({
  type: "topology",
  topology: topology(seq, ...nodes),
});
const run = (...events: readonly Event[]): Mesh => events.reduce(reduce, START);
const stateOf = (node: object): string | undefined => topology(1, node).nodes[0]?.state;

describe("a frame of the live nodes", () => {
  it("says the one word that says most about a node", () => {
    expect(stateOf({})).toBe("healthy");
    expect(stateOf({ suspect: true })).toBe("suspect");
    expect(stateOf({ breaker: "half_open" })).toBe("trial");
    expect(stateOf({ breaker: "open", available: false })).toBe("open");
    expect(stateOf({ available: false, out_ms: 3000 })).toBe("out");
    expect(stateOf({ draining: true, available: false })).toBe("draining");
  });

  it.each(["", "nonsense", "[]", '{"type":"error"}', '{"type":"nodes","seq":"1"}'])(
    "is none when it is %j",
    (text) => expect(parse(text)).toBeNull(),
  );

  it("survives fields that are missing or of another kind", () => {
    const read = parse('{"type":"nodes","seq":1,"nodes":[{"name":7,"expected_ms":"fast","share":9},null]}');
    expect(read?.nodes).toHaveLength(2);
    expect(read?.nodes[0]).toMatchObject({ name: "", source: "", expectedMs: 0, share: 1, models: [] });
    expect(read?.nodes[0]?.firstByte).toEqual({ count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0 });
  });
});

describe("the mesh", () => {
  it("follows its frames and ignores an old one", () => {
    const mesh = run(frame(1, {}), frame(3, {}, {}), frame(2, {}));
    expect(mesh.nodes).toHaveLength(2);
    expect(mesh.seq).toBe(3);
    expect(mesh.instance).toBe("east");
  });

  it("shows what it was while the server is away, and counts again when it is back", () => {
    const away = run(frame(7, {}), { type: "link", link: "closed" });
    expect(away.nodes).toHaveLength(1);
    const back = run(frame(7, {}), { type: "link", link: "open" }, frame(1, {}, {}));
    expect(back.nodes).toHaveLength(2);
  });

  it("keeps as many samples as are drawn", () => {
    const frames = Array.from({ length: MOST_SAMPLES + 20 }, (_, index) => frame(index + 1, {}));
    expect(run(...frames).samples).toHaveLength(MOST_SAMPLES);
  });

  it("is as fast as the nodes that take prompts", () => {
    const { nodes } = topology(1, { expected_ms: 10 }, { expected_ms: 90_000, draining: true }, { expected_ms: 30 });
    expect(summary(nodes)).toMatchObject({ taking: 2, inflight: 6, waiting: 3, medianMs: 30, slowestMs: 30 });
    expect(summary([])).toMatchObject({ taking: 0, medianMs: 0, slowestMs: 0, slowest: null });
  });

  it("names the node whose slowest prompts took longest", () => {
    const took = (p99_ms: number, count = 1) => ({ first_byte: { count, p50_ms: 1, p90_ms: 1, p99_ms } });
    const { nodes } = topology(1, took(300), took(9000), took(99_000, 0));
    expect(summary(nodes).slowest?.name).toBe("gpu-2");
    expect(summary(topology(1, took(300, 0)).nodes).slowest).toBeNull();
  });

  it("knows the value below which a part lies", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([quantile(hundred, 0), quantile(hundred, 0.5), quantile(hundred, 0.99)]).toEqual([1, 51, 100]);
    expect(quantile([], 0.99)).toBe(0);
  });
});

describe("the table", () => {
  const { nodes } = topology(
    1,
    { name: "gpu-10", zone: "b", share: 0.2, source: "kubernetes", first_byte: { p50_ms: 9 } },
    { name: "gpu-9", models: ["Large"], share: 0.2, duration: { p50_ms: 9 } },
    { name: "gpu-1", draining: true, share: 0.6 },
  );
  const names = (words: string, column: Parameters<typeof shown>[2]["column"], down: boolean) =>
    shown(nodes, words, { column, down }).map(({ name }) => name);

  it("orders names as a person counts, and equal nodes by name", () => {
    expect(names("", "name", false)).toEqual(["gpu-1", "gpu-9", "gpu-10"]);
    expect(names("", "name", true)).toEqual(["gpu-10", "gpu-9", "gpu-1"]);
    expect(names("", "share", true)).toEqual(["gpu-1", "gpu-9", "gpu-10"]);
    expect(names("", "state", false)).toEqual(["gpu-1", "gpu-9", "gpu-10"]);
    expect(names("", "source", false)).toEqual(["gpu-10", "gpu-1", "gpu-9"]);
    expect(names("", "firstByte", false)[0]).toBe("gpu-10");
    expect(names("", "duration", false)[0]).toBe("gpu-9");
  });

  it("finds nodes by name, source, zone and model", () => {
    expect(names("10", "name", false)).toEqual(["gpu-10"]);
    expect(names("LARGE ", "name", false)).toEqual(["gpu-9"]);
    expect(names("kube", "name", false)).toEqual(["gpu-10"]);
    expect(names("b", "name", false)).toEqual(["gpu-10"]);
    expect(names("none", "name", false)).toEqual([]);
  });

  it("says what a node is in words", () => {
    expect(label({ state: "out", outMs: 3000 })).toBe("Left out for 3.0 s");
    expect(label({ state: "open", outMs: 0 })).toBe("Breaker open");
    expect([origin("static"), origin("redis"), origin("consul")]).toEqual(["Settings", "Redis", "consul"]);
    expect(models([])).toBe("any");
    expect(models(["a", "b", "c"])).toBe("a and 2 more");
    const [first] = topology(1, { capacity: 8 }).nodes;
    expect(first && load(first)).toBe("2 of 8, 1 waiting");
  });
});

describe("the figures", () => {
  it("groups nodes by zone in the order in which zones come", () => {
    const { nodes } = topology(1, { zone: "b" }, { zone: null }, { zone: "b" });
    expect(zones(nodes).map(([zone, own]) => [zone, own.length])).toEqual([
      ["b", 2],
      ["", 1],
    ]);
  });

  it("ends its axis with a round number above everything", () => {
    expect(axisTop([])).toBe(1);
    expect(axisTop([{ medianMs: 1, slowestMs: 180 }])).toBe(200);
    expect(axisTop([{ medianMs: 1, slowestMs: 5001 }])).toBe(10_000);
  });

  it("draws the newest at the right edge", () => {
    expect(points([10, 0], 10)).toBe("595.0,0.0 600.0,120.0");
  });
});
