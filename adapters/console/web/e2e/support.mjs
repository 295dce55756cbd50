// What every browser test needs: a browser, people on one document, and a gate on the console's log.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

/** Address of a running server, for example `http://127.0.0.1:8080`. */
export const url = process.env.MAILY_URL;

/** Reason to skip, or `false`. A run in CI must have its server. */
export const skip = url ? false : "MAILY_URL does not name a running server";
if (skip && process.env.CI === "true") throw new Error(skip);

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A server without a journey refuses its socket, and the browser logs that by itself. */
const NO_JOURNEY = /WebSocket connection to '.*\/v1\/journey\/live' failed/;
/** What the browser logs while a server is away. */
export const SERVER_AWAY = /WebSocket connection to|net::ERR_CONNECTION/;
/** What it logs when a server wants a key. */
export const KEY_WANTED = /WebSocket connection to|status of 401/;

let browser;

/** Starts one browser for the tests of a file, unless there is a reason to skip them. */
export const withBrowser = (without = skip) => {
  before(async () => {
    if (without) return;
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    browser = await chromium.launch({ executablePath, args: FLAGS });
  });
  after(() => browser?.close());
};

export const newDocument = () => `e2e-${randomBytes(6).toString("hex")}`;

/**
 * A person with a browser profile of their own. `route` stands between the page and its sync socket, `journey`
 * takes the place of the server for the live journey and `nodes` for the live nodes; `inPage` runs in the page before its
 * own script; `query` goes behind the document. Without `ready` the page is given before it is synchronized.
 */
export const open = async (
  document,
  { width = 1280, height = 800, server = url, fragment = "", query = "", ready = true, route, journey, nodes, inPage, ...options } = {},
) => {
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  const page = await context.newPage();
  const log = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) log.push(message.text());
  });
  page.on("pageerror", (error) => log.push(String(error)));
  const changes = watchChanges(page);
  if (route) await page.routeWebSocket(/\/v1\/canvas\/sync\//, route);
  if (inPage) await page.addInitScript(inPage);
  if (nodes) await page.routeWebSocket(/\/v1\/nodes\/live/, nodes);
  if (journey) await page.routeWebSocket(/\/v1\/journey\/live/, journey);
  await page.goto(`${server}/?doc=${document}${query}${fragment}`);
  if (ready) await synced(page);
  return { page, log, changes, close: () => context.close() };
};

/** Counts the document updates that arrive: frames that begin with message 0 (sync), kind 2 (update). */
const watchChanges = (page) => {
  const changes = { received: 0, sent: 0 };
  const isUpdate = ({ payload }) => Buffer.isBuffer(payload) && payload[0] === 0 && payload[1] === 2;
  page.on("websocket", (socket) => {
    if (!socket.url().includes("/v1/canvas/sync/")) return;
    socket.on("framereceived", (frame) => {
      if (isUpdate(frame)) changes.received += 1;
    });
    socket.on("framesent", (frame) => {
      if (isUpdate(frame)) changes.sent += 1;
    });
  });
  return changes;
};

export const synced = (page, timeout = 15_000) =>
  page.locator('[data-testid="connection"][data-phase="synced"]').waitFor({ timeout });

export const elements = (page) => page.locator(".element");

/** Place of an element in page pixels, as it is drawn. */
export const place = (page, id) =>
  page.locator(`[data-element="${id}"]`).evaluate((node) => {
    const [x, y] = node.style.transform.match(/-?\d+(\.\d+)?/g).map(Number);
    return [x, y, Number.parseFloat(node.style.width), Number.parseFloat(node.style.height)];
  });

export const idOf = (element) => element.getAttribute("data-element");

/** Waits until a condition on values from the page holds; fails with the last value. */
export const eventually = async (read, expected, timeout = 5000) => {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    try {
      assert.deepEqual(value, expected);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Rules of axe that the page breaks, with the places. The page's policy blocks script tags, hence `evaluate`. */
export const violations = async (page) => {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document));
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
  );
};

export const announced = (page) =>
  page
    .getByTestId("announcer")
    .textContent()
    .then((text) => text.trim());

/** Fails on anything that the page logged as an error or a warning. */
export const assertQuiet = (people, allowed = NO_JOURNEY) => {
  const lines = people.flatMap(({ log }) => log).filter((line) => !allowed.test(line));
  assert.deepEqual(lines, []);
};
