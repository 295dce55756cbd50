// A server that a test starts for itself, and an editor of its canvas without a browser.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import WebSocket from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

const binary = process.env.MAILY_SERVER;

/** Reason to skip what needs a server of its own, or `false`. A run in CI must have one. */
export const skipOwn = binary ? false : "MAILY_SERVER does not name the program";
if (skipOwn && process.env.CI === "true") throw new Error(skipOwn);

/** Longest time until a server listens: it loads its models first. */
const START_MS = 120_000;
/** Longest time that it may take to drain. */
const STOP_MS = 5_000;

/**
 * Runs `maily` with these arguments on a free port and an empty data folder, and resolves as soon as it listens:
 * when a line of its output ends with the address. `output` grows with what it says.
 */
export const start = async (args, env = {}) => {
  const data = mkdtempSync(join(tmpdir(), "maily-e2e-"));
  const child = spawn(binary, [...args, "--listen", "127.0.0.1:0", "--data", data], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const server = { url: "", output: "", errors: "", stop: () => stop(child, data) };
  child.stderr.setEncoding("utf8").on("data", (text) => {
    server.errors += text;
  });
  const listening = new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      server.output += `${line}\n`;
      const [, url] = /(http:\/\/127\.0\.0\.1:\d+)\/?$/.exec(line) ?? [];
      if (url) resolve(url);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`maily ended with ${code}\n${server.errors}`)));
    setTimeout(() => reject(new Error(`maily did not listen\n${server.errors}`)), START_MS).unref();
  });
  try {
    server.url = await listening;
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
};

const stop = async (child, data) => {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // Asked first, so that it ends what it started; then not asked.
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(late);
  }
  rmSync(data, { recursive: true, force: true });
};

/** Joins a document with an ordinary Yjs client, and resolves when it has what the server had. */
export const edit = async (server, document, params = {}) => {
  const doc = new Y.Doc();
  const address = `${server.url.replace("http", "ws")}/v1/canvas/sync`;
  const provider = new WebsocketProvider(address, document, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true,
    params,
  });
  await new Promise((resolve) => provider.once("sync", resolve));
  const element = (id) => doc.getMap("elements").get(id);
  return {
    has: (id) => element(id) !== undefined,
    place: (id) => element(id).get("geom"),
    text: (id) => element(id).get("text").toString(),
    move: (id, geom) => element(id).set("geom", geom),
    close: () => {
      provider.destroy();
      doc.destroy();
    },
  };
};
