// Frames of the live nodes: one JSON text frame whenever something has changed, as the server sends them.

export type NodeState = "healthy" | "trial" | "suspect" | "draining" | "out" | "open";

/** How long a node took for the prompts of the last five to ten minutes. */
export interface Times {
  /** How many prompts they are of; without one there is nothing to show. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

/** A node of the mesh. */
export interface MeshNode {
  readonly name: string;
  /** Who named it: `static`, `registered`, `gossip`, or the name of a source. */
  readonly source: string;
  readonly models: readonly string[];
  readonly zone: string;
  readonly state: NodeState;
  /** How long it is left out, in milliseconds; 0 when it is not. */
  readonly outMs: number;
  /** Part of all prompts, 0..=1. */
  readonly share: number;
  readonly inflight: number;
  /** How many of them wait for their first byte. */
  readonly waiting: number;
  /** Prompts of other instances. */
  readonly peersInflight: number;
  readonly capacity: number | null;
  /** Expected time to the first byte. */
  readonly expectedMs: number;
  /** To the first byte of an answer. */
  readonly firstByte: Times;
  /** To the last byte, of answers that came whole. */
  readonly duration: Times;
  readonly prompts: number;
  readonly failures: number;
}

/** Another instance of the mesh. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  readonly status: string;
}

export interface Topology {
  readonly seq: number;
  readonly nodes: readonly MeshNode[];
  /** The name of the instance that answers; "" where it is alone. */
  readonly instance: string;
  readonly peers: readonly Peer[];
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const amount = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.max(value, 0) : 0;

/** The one word that says most about a node. */
const state = (node: Fields): NodeState => {
  if (node["draining"] === true) return "draining";
  if (node["breaker"] === "open") return "open";
  if (node["available"] === false) return "out";
  if (node["breaker"] === "half_open") return "trial";
  return node["suspect"] === true ? "suspect" : "healthy";
};

const times = (value: unknown): Times => {
  const from = fields(value);
  return {
    count: amount(from["count"]),
    p50Ms: amount(from["p50_ms"]),
    p90Ms: amount(from["p90_ms"]),
    p99Ms: amount(from["p99_ms"]),
  };
};

const node = (value: unknown): MeshNode => {
  const from = fields(value);
  return {
    name: text(from["name"]),
    source: text(from["source"]),
    models: list(from["models"]).map(text),
    zone: text(from["zone"]),
    state: state(from),
    outMs: amount(from["out_ms"]),
    share: Math.min(amount(from["share"]), 1),
    inflight: amount(from["inflight"]),
    waiting: amount(from["waiting"]),
    peersInflight: amount(from["peers_inflight"]),
    capacity: typeof from["capacity"] === "number" ? from["capacity"] : null,
    expectedMs: amount(from["expected_ms"]),
    firstByte: times(from["first_byte"]),
    duration: times(from["duration"]),
    prompts: amount(from["prompts"]),
    failures: amount(from["failures"]),
  };
};

const peer = (value: unknown): Peer => {
  const from = fields(value);
  return { name: text(from["name"]), address: text(from["address"]), status: text(from["status"]) };
};

/** Reads one text frame; `null` when it is not one of ours. */
export const parse = (json: string): Topology | null => {
  let frame: Fields;
  try {
    frame = fields(JSON.parse(json));
  } catch {
    return null;
  }
  if (frame["type"] !== "nodes" || typeof frame["seq"] !== "number") return null;
  return {
    seq: frame["seq"],
    nodes: list(frame["nodes"]).map(node),
    instance: text(frame["instance"]),
    peers: list(frame["peers"]).map(peer),
  };
};
