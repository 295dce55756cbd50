// A server that wants a key, and a page that has it from its address, from a dialog, or not at all.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { edit, skipOwn, start } from "./process.mjs";
import {
  KEY_WANTED,
  assertQuiet,
  elements,
  eventually,
  newDocument,
  open,
  synced,
  violations,
  withBrowser,
} from "./support.mjs";

const KEY = "0123456789abcdef";
/** Signs that mean something in an address. */
const SIGNED = "ab+/cd%41&e=f#0==";

withBrowser(skipOwn);

let server;

before(async () => {
  if (!skipOwn) server = await start(["serve", "all"], { MAILY__SERVER__KEYS: JSON.stringify([KEY, SIGNED]) });
});
after(() => server?.stop());

const visit = (options) => open(newDocument(), { server: server.url, ...options });
const dialog = ({ page }) => page.getByRole("dialog", { name: "This server wants a key" });
const kept = ({ page }) => page.evaluate(() => sessionStorage.getItem("maily.key"));

test("a key in the fragment opens the page, and leaves the address bar at once", { skip: skipOwn }, async () => {
  const ada = await visit({ fragment: `#key=${encodeURIComponent(SIGNED)}` });
  assert.equal(new URL(ada.page.url()).hash, "");
  assert.equal(await ada.page.evaluate(() => history.length), 2, "the blank page and this one");
  assert.equal(await kept(ada), SIGNED);

  await ada.page.getByRole("button", { name: "Add the first text" }).click();
  await eventually(() => elements(ada.page).count(), 1);
  await ada.page.reload();
  await synced(ada.page);
  await eventually(() => elements(ada.page).count(), 1);
  assertQuiet([ada]);
  await ada.close();
});

test("without a key the page asks, and takes only one that the server knows", { skip: skipOwn }, async () => {
  const ada = await visit({ ready: false, reducedMotion: "reduce" });
  await dialog(ada).waitFor();
  assert.deepEqual(await violations(ada.page), []);
  const field = ada.page.getByLabel("Key", { exact: true });
  await field.fill("a-key-that-nobody-has");
  await field.press("Enter");
  await dialog(ada).getByText("The server does not know this key.").waitFor();
  assert.deepEqual(await violations(ada.page), []);
  assert.equal(await kept(ada), null);

  await field.fill(KEY);
  await dialog(ada).getByRole("button", { name: "Open" }).click();
  await synced(ada.page);
  await dialog(ada).waitFor({ state: "hidden" });
  assertQuiet([ada], KEY_WANTED);
  await ada.close();
});

test("who says not now is told why nothing is there, and can go on", { skip: skipOwn }, async () => {
  const ada = await visit({ ready: false });
  await dialog(ada).waitFor();
  await ada.page.keyboard.press("Escape");
  await ada.page.getByText("The server does not open this document: it wants a key.").waitFor();

  await ada.page.getByRole("button", { name: "Connect now" }).click();
  await dialog(ada).waitFor();
  await ada.page.keyboard.press("Escape");
  await ada.page.locator(".journey").getByRole("button", { name: "Enter the key" }).click();
  await dialog(ada).waitFor();
  await ada.page.evaluate((key) => {
    location.hash = `key=${key}`;
  }, KEY);
  await synced(ada.page);
  assert.equal(new URL(ada.page.url()).hash, "");
  assertQuiet([ada], KEY_WANTED);
  await ada.close();
});

test("two people with the key edit together, one without a browser", { skip: skipOwn }, async () => {
  const document = newDocument();
  const ada = await open(document, { server: server.url, fragment: `#key=${KEY}` });
  await ada.page.getByRole("button", { name: "Add the first text" }).click();
  const id = await elements(ada.page).first().getAttribute("data-element");

  const ben = await edit(server, document, { key: KEY });
  await eventually(() => ben.has(id), true);
  ben.close();
  assertQuiet([ada]);
  await ada.close();
});

test("exports are fetched with the key, which no address shows", { skip: skipOwn }, async () => {
  const ada = await visit({ fragment: `#key=${KEY}` });
  await ada.page.getByRole("button", { name: "Use a layout" }).click();
  await eventually(() => elements(ada.page).count(), 8);
  for (const name of ["HTML", "SVG"]) {
    const link = ada.page.getByRole("link", { name });
    const [file] = await Promise.all([ada.page.waitForEvent("download"), link.click()]);
    assert.match(file.suggestedFilename(), new RegExp(`^e2e-[0-9a-f]+\\.${name.toLowerCase()}$`));
    assert.match(await readFile(await file.path(), "utf8"), /A small letter in spring/);
    assert.doesNotMatch(await link.getAttribute("href"), /key/);
  }
  assertQuiet([ada]);
  await ada.close();
});
