// The mesh, live: the real one, and invented ones that a test can break.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  announced,
  assertQuiet,
  eventually,
  newDocument,
  open,
  skip,
  violations,
  withBrowser,
} from "./support.mjs";

withBrowser();

const NODE = {
  source: "static",
  models: ["small"],
  zone: null,
  weight: 1,
  breaker: "closed",
  draining: false,
  available: true,
  suspect: false,
  share: 0.2,
  inflight: 0,
  waiting: 0,
  peers_inflight: 0,
  capacity: null,
  expected_ms: 80,
  first_byte: { count: 40, p50_ms: 70, p90_ms: 120, p99_ms: 260 },
  duration: { count: 40, p50_ms: 900, p90_ms: 1600, p99_ms: 2400 },
  prompts: 40,
  failures: 0,
  out_ms: 0,
};

const FLEET = [
  { name: "gpu-1", zone: "eu-1", inflight: 3, waiting: 1, expected_ms: 120, share: 0.4, capacity: 8 },
  {
    name: "gpu-2",
    zone: "eu-1",
    source: "kubernetes",
    suspect: true,
    expected_ms: 900,
    first_byte: { count: 9, p50_ms: 800, p90_ms: 1100, p99_ms: 1250 },
  },
  { name: "gpu-3", zone: "eu-1", draining: true, available: false, inflight: 1 },
  { name: "gpu-4", zone: "eu-2", breaker: "open", available: false, failures: 31 },
  { name: "gpu-5", zone: "eu-2", breaker: "half_open", source: "registered", first_byte: { count: 0 }, duration: { count: 0 } },
  { name: "gpu-6", zone: "eu-2", available: false, out_ms: 12_000, models: ["small", "large"] },
];
const PEERS = [
  { name: "west", address: "10.0.0.2:7946", generation: 1, status: "alive" },
  { name: "north", address: "10.0.0.3:7946", generation: 1, status: "suspect" },
];

/** Opens the view of a mesh that the test invents. */
const watched = async (options) => {
  let socket;
  let seq = 0;
  const person = await open(newDocument(), {
    query: "&view=mesh",
    ...options,
    nodes: (opened) => {
      socket = opened;
      seq = 0;
    },
  });
  await eventually(() => socket !== undefined, true);
  const send = (nodes, more = { instance: "east", peers: PEERS }) => {
    seq += 1;
    const all = nodes.map((node) => ({ ...NODE, ...node }));
    socket.send(JSON.stringify({ type: "nodes", seq, nodes: all, ...more }));
  };
  return { ...person, send, drop: () => socket.close() };
};

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
const names = (page) =>
  page
    .locator("table.nodes tbody th")
    .evaluateAll((cells) => cells.map((cell) => cell.firstChild.textContent));

test("the mesh of the server is shown, and the campaign is one press away", { skip }, async () => {
  const ada = await open(newDocument(), { reducedMotion: "reduce" });
  const { page } = ada;

  await page.getByRole("button", { name: "Mesh" }).click();

  await page.locator(".mesh").getByText("Live").waitFor();
  const { nodes } = await page.evaluate(async () => (await fetch("/v1/nodes")).json());
  await eventually(() => names(page).then((shown) => shown.toSorted()), nodes.map(({ name }) => name).toSorted());
  assert.deepEqual(await violations(page), []);
  assert.match(page.url(), /view=mesh/);
  await page.goBack();
  await page.getByRole("complementary", { name: "Journey" }).waitFor();
  assertQuiet([ada]);
  await ada.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    test(`invented mesh: every state has its word, in ${colorScheme} at ${width} px`, { skip }, async () => {
      const ada = await watched({ colorScheme, width, reducedMotion: "reduce" });
      const { page } = ada;

      ada.send(FLEET);

      for (const [name, state] of [
        ["gpu-1", "Healthy"],
        ["gpu-2", "Suspect"],
        ["gpu-3", "Draining"],
        ["gpu-4", "Breaker open"],
        ["gpu-5", "On trial"],
        ["gpu-6", "Left out for 12.0 s"],
      ]) {
        await row(page, name).getByText(state, { exact: true }).waitFor();
      }
      await row(page, "gpu-1").getByText("3 of 8, 1 waiting").waitFor();
      await row(page, "gpu-2").getByText("Kubernetes").waitFor();
      await row(page, "gpu-2").getByText("p99 1.3 s").waitFor();
      assert.equal(await row(page, "gpu-5").getByText("–").count(), 2, "nothing is said of a node that was not asked");
      await page.getByRole("img", { name: "3 of 6 nodes take prompts" }).waitFor();
      await page.getByRole("list", { name: "Instances" }).getByText("suspect").waitFor();
      await eventually(() => announced(page), "3 of 6 nodes take prompts");
      assert.deepEqual(await violations(page), []);
      const sideways = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.equal(sideways, 0, "the page does not scroll sideways");
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${colorScheme}-${width}.png` });
      assertQuiet([ada]);
      await ada.close();
    });
  }
}

test("invented mesh: the table follows, is ordered and searched", { skip }, async () => {
  const ada = await watched();
  const { page } = ada;
  ada.send(FLEET);
  await row(page, "gpu-1").waitFor();

  await page.getByRole("button", { name: "First byte" }).click();
  assert.deepEqual((await names(page)).slice(0, 2), ["gpu-2", "gpu-1"]);
  assert.equal(
    await page.getByRole("columnheader", { name: "First byte" }).getAttribute("aria-sort"),
    "descending",
  );

  const slow = { available: true, first_byte: { count: 1, p50_ms: 2000, p90_ms: 2000, p99_ms: 2000 } };
  ada.send(FLEET.map((node) => (node.name === "gpu-6" ? { ...node, ...slow } : node)));
  await row(page, "gpu-6").getByText("Healthy").waitFor();
  assert.equal((await names(page))[0], "gpu-6");
  await eventually(() => announced(page), "4 of 6 nodes take prompts");

  const find = page.getByRole("searchbox", { name: "Find a node by its name, source, zone or model" });
  await find.fill("large");
  await eventually(() => names(page), ["gpu-6"]);
  await find.fill("nobody");
  await page.getByText("No node has “nobody” in its name, source, zone or models.").waitFor();
  assertQuiet([ada]);
  await ada.close();
});

test("invented mesh: without a node, and without a server, the page says what to do", { skip }, async () => {
  const ada = await watched();
  const { page } = ada;

  ada.send([], { instance: null, peers: [] });
  await page.getByText("The mesh has no node yet, so it refuses every prompt.").waitFor();
  assert.deepEqual(await violations(page), []);

  ada.send(FLEET);
  await row(page, "gpu-1").waitFor();
  ada.drop();
  await page.getByText("The server is not reachable; this is how the mesh was when it last was.").waitFor();
  assert.equal(await page.getByRole("row").count(), 7, "what was shown stays");
  await page.locator(".mesh").getByText("Live").waitFor();
  assertQuiet([ada]);
  await ada.close();
});

/** How node `index` of a thousand is in a turn: every ninetieth has an open breaker. */
const isOpen = (index, turn) => index % 90 === turn;

/**
 * Runs in the page: takes the place of the socket of the nodes, and says a thousand that change four times a second. What a
 * test sends from outside goes through the debugger, which stops the page for longer than the page works.
 */
const thousand = (node, isOpen) => {
  const Real = globalThis.WebSocket;
  const turns = Array.from({ length: 8 }, (_, turn) =>
    Array.from({ length: 1000 }, (_, index) => ({
      ...node,
      name: `gpu-${index}`,
      zone: `rack-${index % 20}`,
      inflight: (index + turn) % 7,
      expected_ms: 50 + ((index * 31 + turn * 17) % 400),
      prompts: turn * 1000 + index,
      ...(isOpen(index, turn) ? { breaker: "open", available: false } : {}),
    })),
  );
  /** What was said so far, and what ends it: it returns the turn that was said last. */
  const fleet = { said: 0, stop: () => 0 };
  globalThis.fleet = fleet;
  globalThis.WebSocket = class extends EventTarget {
    static OPEN = Real.OPEN;

    constructor(address, ...rest) {
      super();
      if (!String(address).includes("/v1/nodes/live")) return new Real(address, ...rest);
      let seq = 0;
      const say = () => {
        seq += 1;
        fleet.said += 1;
        const data = JSON.stringify({ type: "nodes", seq, nodes: turns[seq % 8], instance: "east", peers: [] });
        this.dispatchEvent(new MessageEvent("message", { data }));
      };
      setTimeout(() => this.dispatchEvent(new Event("open")));
      this.timer = setInterval(say, 250);
      fleet.stop = () => {
        this.close();
        return seq % 8;
      };
    }
    close() {
      clearInterval(this.timer);
    }
  };
};

/** Runs in the page for four seconds: what the page does to its document, and how long its frames are apart. */
const watchWork = () =>
  new Promise((resolve) => {
    const before = globalThis.fleet.said;
    const work = { updates: 0, built: 0, apart: [] };
    const observer = new MutationObserver((records) => {
      // React says again what a field is whenever it looks at it, and changes nothing.
      if (records.every(({ target }) => target instanceof HTMLInputElement)) return;
      work.updates += 1;
      const added = records.flatMap(({ addedNodes }) => [...addedNodes]);
      work.built += added.filter((node) => node instanceof Element && node.matches(".tile, tr")).length;
    });
    const page = document.querySelector("main.mesh");
    observer.observe(page, { attributes: true, characterData: true, childList: true, subtree: true });
    const begun = performance.now();
    let last = begun;
    const look = (now) => {
      work.apart.push(now - last);
      last = now;
      if (now - begun < 4000) return requestAnimationFrame(look);
      observer.disconnect();
      work.apart.sort((a, b) => a - b);
      return resolve({ ...work, said: globalThis.fleet.said - before });
    };
    requestAnimationFrame(look);
  });

test("invented mesh: a thousand nodes that change four times a second are drawn once for each time", { skip }, async () => {
  const inPage = `(${thousand})(${JSON.stringify(NODE)}, ${isOpen})`;
  const ada = await open(newDocument(), { query: "&view=mesh", inPage });
  const { page } = ada;
  await page.getByText("1 of 20").waitFor();
  assert.equal(await page.locator(".tile").count(), 1000);
  assert.equal((await names(page)).length, 50);

  const { said, updates, built, apart } = await page.evaluate(watchWork);

  const at = (part) => Math.round(apart[Math.floor(part * (apart.length - 1))]);
  console.log(
    `1000 nodes: said ${said} times, ${updates} updates; between frames p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms`,
  );
  assert.ok(said > 0 && updates > 0, "something changed");
  // One more: what was said before may be drawn after. A page that is late leaves out what is not true any more.
  assert.ok(updates <= said + 1, `${updates} updates for what was said ${said} times`);
  assert.equal(built, 0, "tiles and rows change where they are");

  const turn = await page.evaluate(() => globalThis.fleet.stop());
  const broken = page.locator('.tile[data-tone="bad"]');
  const wanted = Array.from({ length: 1000 }, (_, index) => index).filter((index) => isOpen(index, turn));
  await eventually(
    () => broken.evaluateAll((tiles) => tiles.map(({ title }) => title).toSorted()),
    wanted.map((index) => `gpu-${index}`).toSorted(),
  );
  await eventually(() => announced(page), `${1000 - wanted.length} of 1000 nodes take prompts`);
  const find = page.getByRole("searchbox", { name: "Find a node by its name, source, zone or model" });
  await find.fill("gpu-999");
  await eventually(() => names(page), ["gpu-999"]);
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/thousand.png`, fullPage: false });
  assertQuiet([ada]);
  await ada.close();
});
