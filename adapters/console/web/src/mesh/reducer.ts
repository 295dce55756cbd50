// The mesh as it is, and how fast it was lately, as a pure function of what has happened.

import type { Link } from "../ui/live.ts";
import type { MeshNode, Peer, Topology } from "./model.ts";

/** How fast the nodes that take prompts were, at one moment. */
export interface Sample {
  readonly medianMs: number;
  readonly slowestMs: number;
}

export interface Mesh {
  readonly link: Link;
  /** Number of the last message of this connection; 0 before the first. */
  readonly seq: number;
  readonly nodes: readonly MeshNode[];
  readonly instance: string;
  readonly peers: readonly Peer[];
  /** The newest last. */
  readonly samples: readonly Sample[];
}

export type Event =
  { readonly type: "link"; readonly link: Link } | { readonly type: "topology"; readonly topology: Topology };

/** Half a minute of a mesh that changes all the time. */
export const MOST_SAMPLES = 120;

export const START: Mesh = { link: "connecting", seq: 0, nodes: [], instance: "", peers: [], samples: [] };

/** Whether the server has said what there is. */
export const isKnown = (mesh: Mesh): boolean => mesh.seq > 0;

export const takesPrompts = (node: MeshNode): boolean =>
  node.state === "healthy" || node.state === "suspect" || node.state === "trial";

/** The value below which a part of them lies; 0 of none. */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)] ?? 0;
};

export interface Summary {
  readonly taking: number;
  readonly inflight: number;
  readonly waiting: number;
  readonly medianMs: number;
  readonly slowestMs: number;
  /** The node whose slowest prompts took longest to the first byte; null while none was asked. */
  readonly slowest: MeshNode | null;
}

const slower = (known: MeshNode | null, node: MeshNode): MeshNode | null =>
  node.firstByte.count > 0 && node.firstByte.p99Ms > (known?.firstByte.p99Ms ?? -1) ? node : known;

/** What all nodes are together; times are those of the nodes that take prompts. */
export const summary = (nodes: readonly MeshNode[]): Summary => {
  const times = nodes.filter(takesPrompts).map(({ expectedMs }) => expectedMs);
  const sum = (of: (node: MeshNode) => number): number => nodes.reduce((total, node) => total + of(node), 0);
  return {
    taking: times.length,
    inflight: sum((node) => node.inflight),
    waiting: sum((node) => node.waiting),
    medianMs: quantile(times, 0.5),
    slowestMs: Math.max(0, ...times),
    slowest: nodes.reduce<MeshNode | null>(slower, null),
  };
};

/** The next state. What was shown stays while the server is away; a new connection counts from the start. */
export const reduce = (mesh: Mesh, event: Event): Mesh => {
  if (event.type === "link") return { ...mesh, link: event.link, seq: event.link === "open" ? 0 : mesh.seq };
  const { seq, nodes, instance, peers } = event.topology;
  if (seq <= mesh.seq) return mesh;
  const { medianMs, slowestMs } = summary(nodes);
  const samples = [...mesh.samples, { medianMs, slowestMs }].slice(-MOST_SAMPLES);
  return { link: mesh.link, seq, nodes, instance, peers, samples };
};

export type Column =
  "name" | "source" | "state" | "firstByte" | "duration" | "share" | "inflight" | "prompts" | "failures";

export interface Order {
  readonly column: Column;
  readonly down: boolean;
}

const STATES: readonly MeshNode["state"][] = ["open", "out", "suspect", "trial", "draining", "healthy"];

const compare = (column: Column, a: MeshNode, b: MeshNode): number => {
  switch (column) {
    case "name":
      return 0;
    case "source":
      return byName(a.source, b.source);
    case "state":
      return STATES.indexOf(a.state) - STATES.indexOf(b.state);
    case "firstByte":
    case "duration":
      return a[column].p50Ms - b[column].p50Ms;
    default:
      return a[column] - b[column];
  }
};

const byName = new Intl.Collator("en", { numeric: true }).compare;

/** The nodes whose name, source, zone or models hold the words, in order; equal ones by name. */
export const shown = (nodes: readonly MeshNode[], words: string, order: Order): readonly MeshNode[] => {
  const wanted = words.trim().toLowerCase();
  const holds = ({ name, source, zone, models }: MeshNode): boolean =>
    [name, source, zone, ...models].some((text) => text.toLowerCase().includes(wanted));
  const sign = order.down ? -1 : 1;
  const nameSign = order.column === "name" ? sign : 1;
  return nodes
    .filter(holds)
    .toSorted((a, b) => sign * compare(order.column, a, b) || nameSign * byName(a.name, b.name));
};
