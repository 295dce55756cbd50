// Every node at a glance: who is well, who is asked, who is slow. The table below says the same in words.

import type { ReactElement } from "react";
import { memo } from "react";

import { duration, percent } from "../ui/format.ts";
import type { MeshNode, Peer } from "./model.ts";
import { label, tone } from "./words.ts";

/** Above this many, nodes are small squares without a name. */
export const MOST_NAMED = 48;

interface TileProps {
  readonly node: MeshNode;
  /** The slowest time of all, which fills the bar. */
  readonly slowestMs: number;
  readonly named: boolean;
}

const looksTheSame = (before: TileProps, now: TileProps): boolean => {
  if (before.named !== now.named || before.node.state !== now.node.state) return false;
  if (before.node.name !== now.node.name) return false;
  const busy = (node: MeshNode): boolean => node.inflight > 0;
  if (!now.named) return busy(before.node) === busy(now.node);
  const drawn = ({ node, slowestMs }: TileProps): string =>
    `${node.inflight} ${Math.round(node.expectedMs)} ${Math.round(slowestMs)} ${percent(node.share)} ${label(node)}`;
  return drawn(before) === drawn(now);
};

const Tile = memo(({ node, slowestMs, named }: TileProps): ReactElement => {
  const { name, state, share, inflight, expectedMs } = node;
  const busy = inflight > 0 || undefined;
  if (!named) return <li className="tile small" data-tone={tone(state)} data-busy={busy} title={name} />;
  const width = slowestMs > 0 ? Math.min(expectedMs / slowestMs, 1) * 100 : 0;
  return (
    <li className="tile" data-tone={tone(state)} data-busy={busy}>
      <span className="tile-name">{name}</span>
      <span className="tile-state">{state === "healthy" ? `${inflight} in flight` : label(node)}</span>
      <svg className="tile-bar" viewBox="0 0 100 4" preserveAspectRatio="none">
        <rect className="track" width="100" height="4" />
        <rect className="value" width={width} height="4" />
      </svg>
      <span className="tile-figures">
        <span>{duration(expectedMs)}</span>
        <span>{percent(share)}</span>
      </span>
    </li>
  );
}, looksTheSame);

const Instances = ({ instance, peers }: { readonly instance: string; readonly peers: readonly Peer[] }) => (
  <ul className="instances" aria-label="Instances">
    <li className="instance" data-status="alive">
      {instance} <span className="quiet">this one</span>
    </li>
    {peers.map(({ name, status }) => (
      <li className="instance" key={name} data-status={status}>
        {name} <span className="quiet">{status}</span>
      </li>
    ))}
  </ul>
);

/** The nodes by zone, in the order in which zones are first named. */
export const zones = (nodes: readonly MeshNode[]): readonly (readonly [string, readonly MeshNode[]])[] =>
  [...new Set(nodes.map(({ zone }) => zone))].map((zone) => [zone, nodes.filter((node) => node.zone === zone)]);

interface Props {
  readonly nodes: readonly MeshNode[];
  readonly instance: string;
  readonly peers: readonly Peer[];
  readonly slowestMs: number;
  readonly said: string;
}

export const NodeMap = ({ nodes, instance, peers, slowestMs, said }: Props): ReactElement => {
  const named = nodes.length <= MOST_NAMED;
  return (
    <section className="card" aria-labelledby="topology-title">
      <h3 id="topology-title">Topology</h3>
      {instance !== "" && <Instances instance={instance} peers={peers} />}
      <div role="img" aria-label={said}>
        {zones(nodes).map(([zone, own]) => (
          <div className="zone" key={zone}>
            {zone !== "" && <p className="zone-name">{zone}</p>}
            <ul className="tiles" data-named={named || undefined}>
              {own.map((node) => (
                <Tile key={node.name} node={node} slowestMs={slowestMs} named={named} />
              ))}
            </ul>
          </div>
        ))}
      </div>
    </section>
  );
};
