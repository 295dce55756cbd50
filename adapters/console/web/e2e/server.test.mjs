// The page and its server: what is exported, what is shown of a journey, and what survives a restart.

import assert from "node:assert/strict";
import { exec } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import {
  SERVER_AWAY,
  assertQuiet,
  elements,
  eventually,
  newDocument,
  open,
  skip,
  synced,
  url,
  violations,
  withBrowser,
} from "./support.mjs";

withBrowser();

test("the journey panel shows its steps, or says why it is empty", { skip }, async () => {
  const ada = await open(newDocument());
  assert.equal(await ada.page.locator(".step").count(), 6);
  const idle = ada.page.getByText("No journey is running; start one with cargo xtask demo.");
  const begun = ada.page.locator('.step:not([data-state="waiting"])').first();
  await idle.or(begun).first().waitFor();
  assertQuiet([ada]);
  await ada.close();
});

test("the export links give the document", { skip: skip || process.env.MAILY_WITHOUT_EXPORT }, async () => {
  const ada = await open(newDocument());
  await ada.page.getByRole("button", { name: "Use a layout" }).click();
  await eventually(() => elements(ada.page).count(), 8);
  for (const [name, type] of [
    ["HTML", "text/html"],
    ["SVG", "image/svg+xml"],
  ]) {
    const path = await ada.page.getByRole("link", { name }).getAttribute("href");
    const answer = await fetch(new URL(path, url));
    assert.equal(answer.status, 200, name);
    assert.ok(answer.headers.get("content-type").startsWith(type), name);
    assert.match(await answer.text(), /A small letter in spring/);
  }
  assertQuiet([ada]);
  await ada.close();
});

/** What the browser logs by itself of an answer that is refused, and React of an error that a boundary shows. */
const REFUSED = /\/v1\/journey\/live' failed|status of 4\d\d|MailyError/;

/** Refuses the drawing with this problem; returns how often it was asked for. */
const refuseDrawing = async (page, problem) => {
  const asked = { times: 0 };
  const answer = { status: problem.status, contentType: "application/problem+json", body: JSON.stringify(problem) };
  await page.route(/\/export\.svg$/, (route) => {
    asked.times += 1;
    return route.fulfill(answer);
  });
  return asked;
};

test("an export of what is not there yet says so, and the links come back", { skip }, async () => {
  const ada = await open(newDocument(), { reducedMotion: "reduce" });
  await refuseDrawing(ada.page, { type: "urn:maily:error:document-not-found", status: 404 });
  const link = ada.page.getByRole("link", { name: "SVG" });
  await link.click();
  await ada.page.getByRole("alert").filter({ hasText: "There is nothing to export yet." }).waitFor();
  assert.deepEqual(await violations(ada.page), []);

  await ada.page.keyboard.press("Enter");
  await link.waitFor();
  assertQuiet([ada], REFUSED);
  await ada.close();
});

test("an export that fails says why, with the trace to copy and a way back by keyboard", { skip }, async () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const ada = await open(newDocument(), {
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
  });
  const detail = "an element has no place";
  const problem = { type: "urn:maily:error:scene-invalid", status: 422, detail, trace_id: trace };
  const asked = await refuseDrawing(ada.page, problem);
  const link = ada.page.getByRole("link", { name: "SVG" });
  await link.click();
  const alert = ada.page.locator('[role="alert"][data-code="scene-invalid"]');
  await alert.getByText(detail).waitFor();
  assert.equal(asked.times, 1, "what cannot succeed is not tried again");
  assert.match(await alert.getByRole("link").getAttribute("href"), /scene-invalid/);
  assert.deepEqual(await violations(ada.page), []);

  await alert.getByRole("button", { name: "Copy" }).click();
  await alert.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await ada.page.evaluate(() => navigator.clipboard.readText()), trace);
  await alert.getByRole("button", { name: "Back" }).press("Enter");
  await link.waitFor();
  assertQuiet([ada], REFUSED);
  await ada.close();
});

test("an export that works opens beside the page", { skip: skip || process.env.MAILY_WITHOUT_EXPORT }, async () => {
  const ada = await open(newDocument());
  await ada.page.getByRole("button", { name: "Use a layout" }).click();
  await eventually(() => elements(ada.page).count(), 8);
  const link = ada.page.getByRole("link", { name: "SVG" });
  const [shown] = await Promise.all([ada.page.context().waitForEvent("page"), link.click()]);
  await shown.waitForURL(/\/export\.svg$/);
  assertQuiet([ada]);
  await ada.close();
});

test("what is edited without a connection is kept, counted and sent", { skip }, async () => {
  const document = newDocument();
  const ben = await open(document);
  let away = false;
  let waiting = false;
  const sockets = new Set();
  const ada = await open(document, {
    // Between the page and the server, so that the connection can be cut at an exact moment.
    route: (socket) => {
      // Silent rather than closed: the page then tries again when it is told to, not by itself.
      if (away) return void (waiting = true);
      sockets.add(socket);
      socket.connectToServer();
    },
  });
  await ada.page.getByRole("button", { name: "Add the first text" }).click();
  await eventually(() => elements(ben.page).count(), 1);

  away = true;
  for (const socket of sockets) await socket.close();
  const banner = ada.page.locator(".banner");
  await banner.getByText("The connection was lost; trying again. You can go on editing.").waitFor();
  await ada.page.keyboard.press("s");
  await banner.getByText("1 change is kept in this tab until the server is back.").waitFor();
  await ada.page.keyboard.press("d");
  await banner.getByText("2 changes are kept in this tab until the server is back.").waitFor();
  await ben.page.keyboard.press("b");
  assert.equal(await elements(ben.page).count(), 2);

  await eventually(() => waiting, true);
  away = false;
  await banner.getByRole("button", { name: "Connect now" }).click();
  await synced(ada.page);
  await banner.waitFor({ state: "detached" });
  await eventually(() => elements(ada.page).count(), 4);
  await eventually(() => elements(ben.page).count(), 4);
  assertQuiet([ada, ben]);
  await Promise.all([ada.close(), ben.close()]);
});

// The command stops the server and starts it again on the same address.
const restart = process.env.MAILY_RESTART;
const without = skip || (restart ? false : "MAILY_RESTART does not name a command that restarts the server");

test("what was edited while the server was away reaches everybody", { skip: without }, async () => {
  const document = newDocument();
  const [ada, ben] = await Promise.all([open(document), open(document)]);
  await ada.page.getByRole("button", { name: "Add the first text" }).click();
  await eventually(() => elements(ben.page).count(), 1);

  const again = ({ page }) =>
    page.waitForEvent("websocket", (socket) => socket.url().includes("/v1/canvas/sync/"));
  const lost = Promise.all([again(ada), again(ben)]);
  const restarted = promisify(exec)(restart);
  await lost;
  await ada.page.keyboard.press("s");
  await ada.page.keyboard.press("d");
  await ben.page.keyboard.press("b");
  await restarted;

  await Promise.all([synced(ada.page, 30_000), synced(ben.page, 30_000)]);
  await eventually(() => elements(ada.page).count(), 4);
  await eventually(() => elements(ben.page).count(), 4);
  assertQuiet([ada, ben], SERVER_AWAY);
  await Promise.all([ada.close(), ben.close()]);
});
