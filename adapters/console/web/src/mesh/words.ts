// What the page says of a node.

import { duration } from "../ui/format.ts";
import type { MeshNode, NodeState } from "./model.ts";

export type Tone = "good" | "warn" | "bad";

const STATES: Readonly<Record<NodeState, readonly [tone: Tone, label: string]>> = {
  healthy: ["good", "Healthy"],
  trial: ["warn", "On trial"],
  suspect: ["warn", "Suspect"],
  draining: ["warn", "Draining"],
  out: ["bad", "Left out"],
  open: ["bad", "Breaker open"],
};

export const tone = (state: NodeState): Tone => STATES[state][0];

/** "Healthy", "Left out for 3.0 s". */
export const label = ({ state, outMs }: Pick<MeshNode, "state" | "outMs">): string =>
  state === "out" && outMs > 0 ? `${STATES[state][1]} for ${duration(outMs)}` : STATES[state][1];

const SOURCES: ReadonlyMap<string, string> = new Map([
  ["static", "Settings"],
  ["registered", "Registered"],
  ["gossip", "Other instance"],
  ["file", "File"],
  ["redis", "Redis"],
  ["kubernetes", "Kubernetes"],
]);

/** "Settings", "Kubernetes"; a source that the page does not know by its own name. */
export const origin = (source: string): string => SOURCES.get(source) ?? source;

/** "3 of 8", "3, 1 waiting". */
export const load = ({ inflight, waiting, capacity }: MeshNode): string => {
  const of = capacity === null ? "" : ` of ${capacity}`;
  return `${inflight}${of}${waiting > 0 ? `, ${waiting} waiting` : ""}`;
};

/** "any", "small", "small and 2 more". */
export const models = (names: readonly string[]): string => {
  const [first, ...rest] = names;
  if (first === undefined) return "any";
  return rest.length === 0 ? first : `${first} and ${rest.length} more`;
};
