// The mesh as it is now: which nodes there are, how they are, and how fast they answer.

import type { ReactElement } from "react";
import { useDeferredValue, useEffect } from "react";

import { announce } from "../ui/announce.tsx";
import { count, duration } from "../ui/format.ts";
import { useStore } from "../ui/store.ts";
import type { MeshFeed } from "./feed.ts";
import { NodeMap } from "./node-map.tsx";
import { NodeTable } from "./node-table.tsx";
import type { Mesh, Summary } from "./reducer.ts";
import { isKnown, summary } from "./reducer.ts";
import { TimesChart } from "./times-chart.tsx";

const LINKS: Readonly<Record<Mesh["link"], string>> = {
  connecting: "Connecting",
  open: "Live",
  closed: "Not connected",
};

const Locked = ({ feed }: { readonly feed: MeshFeed }): ReactElement => (
  <div className="idle">
    <p>The server shows its mesh to those who have a key.</p>
    <button type="button" className="button small" onClick={feed.retry}>
      Enter the key
    </button>
  </div>
);

const Away = ({ feed, known }: { readonly feed: MeshFeed; readonly known: boolean }): ReactElement => (
  <div className="idle">
    <p>
      {known
        ? "The server is not reachable; this is how the mesh was when it last was."
        : "This server runs no mesh, or is not reachable."}
    </p>
    <p className="quiet">
      {known ? (
        "The page keeps trying."
      ) : (
        <>
          Start one with <code>maily serve all</code>. The page keeps trying.
        </>
      )}
    </p>
    <button type="button" className="button small" onClick={feed.retry}>
      Try again
    </button>
  </div>
);

const Empty = (): ReactElement => (
  <div className="idle">
    <p>The mesh has no node yet, so it refuses every prompt.</p>
    <p className="quiet">
      Start the server with <code>--node NAME=http://HOST:PORT/v1</code>, or let a node register itself with{" "}
      <code>POST /v1/nodes</code>. This page shows it at once.
    </p>
  </div>
);

const Figures = ({ nodes, sum }: { readonly nodes: number; readonly sum: Summary }): ReactElement => (
  <dl className="figures">
    {[
      ["Nodes that take prompts", `${count(sum.taking)} of ${count(nodes)}`],
      ["In flight", count(sum.inflight)],
      ["Waiting for a first byte", count(sum.waiting)],
      ["Expected first byte, median", duration(sum.medianMs)],
      ["First byte p99, slowest node", sum.slowest ? duration(sum.slowest.firstByte.p99Ms) : "–"],
    ].map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

const Known = ({ mesh }: { readonly mesh: Mesh }): ReactElement => {
  const { nodes, instance, peers, samples } = mesh;
  const sum = summary(nodes);
  const said = `${sum.taking} of ${nodes.length} nodes take prompts`;
  useEffect(() => announce(said), [said]);
  if (nodes.length === 0) return <Empty />;
  return (
    <>
      <Figures nodes={nodes.length} sum={sum} />
      <NodeMap nodes={nodes} instance={instance} peers={peers} slowestMs={sum.slowestMs} said={said} />
      <TimesChart samples={samples} />
      <NodeTable nodes={nodes} />
    </>
  );
};

export const MeshPage = ({ feed }: { readonly feed: MeshFeed }): ReactElement => {
  useEffect(feed.watch, [feed]);
  const now = useStore(feed.mesh);
  // Whoever types in the table does not wait for a thousand nodes.
  const mesh = useDeferredValue(now);
  const { needed } = useStore(feed.need);
  // A new connection begins to count again, and what was shown stays.
  const known = isKnown(mesh) || mesh.samples.length > 0;
  return (
    <main className="mesh" aria-labelledby="mesh-title">
      <header className="section-head">
        <h2 id="mesh-title">Mesh</h2>
        <span className="mark" data-phase={mesh.link === "open" ? "synced" : mesh.link}>
          {LINKS[mesh.link]}
        </span>
      </header>
      {needed && <Locked feed={feed} />}
      {!needed && mesh.link === "closed" && <Away feed={feed} known={known} />}
      {known && <Known mesh={mesh} />}
    </main>
  );
};
