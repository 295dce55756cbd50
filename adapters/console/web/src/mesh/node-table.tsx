// The nodes in words and numbers: what the map shows, for everybody, a page at a time.

import type { ReactElement } from "react";
import { memo, useState } from "react";

import { count, duration, percent } from "../ui/format.ts";
import type { MeshNode, Times } from "./model.ts";
import type { Column, Order } from "./reducer.ts";
import { shown } from "./reducer.ts";
import { label, load, models, origin, tone } from "./words.ts";

/** Columns that are read from A to Z; of the others the most comes first. */
const isText = (column: Column): boolean => column === "name" || column === "source";

/** As many rows as a browser draws four times in a second without a thought. */
export const PAGE = 50;

const COLUMNS: readonly (readonly [column: Column, title: string])[] = [
  ["name", "Node"],
  ["source", "Source"],
  ["state", "State"],
  ["firstByte", "First byte"],
  ["duration", "Duration"],
  ["share", "Share"],
  ["inflight", "In flight"],
  ["prompts", "Prompts"],
  ["failures", "Failed"],
];

const Heading = ({
  column,
  title,
  order,
  onOrder,
}: {
  readonly column: Column;
  readonly title: string;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}): ReactElement => {
  const own = order.column === column;
  const sorted = order.down ? "descending" : "ascending";
  return (
    <th scope="col" aria-sort={own ? sorted : undefined} data-column={column}>
      <button type="button" onClick={() => onOrder({ column, down: own ? !order.down : !isText(column) })}>
        {title}
        {/* The space is kept, so that a column does not move when it is chosen. */}
        <span className="arrow" aria-hidden="true">
          {own ? (order.down ? "↓" : "↑") : ""}
        </span>
      </button>
    </th>
  );
};

/** Half of the prompts took no longer, and below it 99 of a hundred. */
const Took = ({ times }: { readonly times: Times }): ReactElement => (
  <td className="number">
    {times.count === 0 ? (
      <span className="quiet">–</span>
    ) : (
      <>
        {duration(times.p50Ms)}
        <span className="below quiet">p99 {duration(times.p99Ms)}</span>
      </>
    )}
  </td>
);

const Row = memo(({ node }: { readonly node: MeshNode }): ReactElement => {
  const { name, source, zone, state, firstByte, share, prompts, failures, peersInflight } = node;
  return (
    <tr>
      <th scope="row">
        {name}
        <span className="below quiet">
          {models(node.models)}
          {zone !== "" && ` · ${zone}`}
        </span>
      </th>
      <td>{origin(source)}</td>
      <td>
        <span className={`badge ${tone(state)}`}>{label(node)}</span>
      </td>
      <Took times={firstByte} />
      <Took times={node.duration} />
      <td className="number">{percent(share)}</td>
      <td className="number">
        {load(node)}
        {peersInflight > 0 && <span className="below quiet">{peersInflight} of others</span>}
      </td>
      <td className="number">{count(prompts)}</td>
      <td className="number">{count(failures)}</td>
    </tr>
  );
});

const Pages = ({
  page,
  pages,
  onPage,
}: {
  readonly page: number;
  readonly pages: number;
  readonly onPage: (page: number) => void;
}): ReactElement => (
  <nav className="row pages" aria-label="Pages of nodes">
    <button type="button" className="button small" disabled={page === 0} onClick={() => onPage(page - 1)}>
      Previous
    </button>
    <span className="quiet">
      {page + 1} of {pages}
    </span>
    <button
      type="button"
      className="button small"
      disabled={page + 1 >= pages}
      onClick={() => onPage(page + 1)}
    >
      Next
    </button>
  </nav>
);

export const NodeTable = ({ nodes }: { readonly nodes: readonly MeshNode[] }): ReactElement => {
  const [words, setWords] = useState("");
  const [order, setOrder] = useState<Order>({ column: "name", down: false });
  const [wanted, setPage] = useState(0);
  const found = shown(nodes, words, order);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const page = Math.min(wanted, pages - 1);
  return (
    <section className="card" aria-labelledby="nodes-title">
      <div className="section-head">
        <h3 id="nodes-title">Nodes</h3>
        <input
          className="input find"
          type="search"
          aria-label="Find a node by its name, source, zone or model"
          placeholder="Find a node"
          value={words}
          onChange={(event) => {
            setWords(event.currentTarget.value);
            setPage(0);
          }}
        />
      </div>
      {/* Scrolls sideways on a small screen, so the keyboard must be able to get here. */}
      <div className="table-frame" tabIndex={0} role="group" aria-label="Table of nodes">
        <table className="nodes">
          <thead>
            <tr>
              {COLUMNS.map(([column, title]) => (
                <Heading key={column} column={column} title={title} order={order} onOrder={setOrder} />
              ))}
            </tr>
          </thead>
          <tbody>
            {found.slice(page * PAGE, (page + 1) * PAGE).map((node) => (
              <Row key={node.name} node={node} />
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && <p className="quiet">No node has “{words.trim()}” in its name, source, zone or models.</p>}
      {pages > 1 && <Pages page={page} pages={pages} onPage={setPage} />}
    </section>
  );
};
