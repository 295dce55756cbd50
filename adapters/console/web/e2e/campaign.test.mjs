// The campaign journey from end to end: the program as it is, one person in a browser, one without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { edit, skipOwn, start } from "./process.mjs";
import { assertQuiet, eventually, open, place, withBrowser } from "./support.mjs";

const STEPS = ["canvas", "mesh", "analytics", "export", "trust", "verify"];
/** The copies that the last step verifies, and what is said about each. */
const VERDICTS = [
  ["as it was sent", "Intact"],
  ["one word changed", "Changed"],
  ["a mailing list's footer", "Added to"],
  ["the attachment swapped", "Changed"],
];
/** Longest time for one step: the model may run without optimization. */
const STEP_MS = 120_000;

withBrowser(skipOwn);

let server;
let ada;
let ben;

before(async () => {
  if (skipOwn) return;
  server = await start(["journey"]);
  // At once: the journey runs while the page loads.
  ada = await open("campaign", { server: server.url });
});

after(async () => {
  ben?.close();
  await server?.stop();
});

const step = (name) => ada.page.locator(`.step[data-step="${name}"]`);
const inBrowser = (id) => ada.page.locator(`[data-element="${id}"]`);

test("the browser sees all six steps to their end", { skip: skipOwn }, async () => {
  for (const name of STEPS) {
    const ended = ada.page.locator(`.step[data-step="${name}"]:is([data-state="done"], [data-state="failed"])`);
    await ended.waitFor({ timeout: STEP_MS });
    assert.equal(await step(name).getAttribute("data-state"), "done", `${name}\n${server.output}`);
  }
});

test("what the mesh drafted stands on the canvas", { skip: skipOwn }, async () => {
  const draft = await step("mesh").locator("blockquote").evaluate((node) => node.lastChild.textContent);
  const opening = "Our summer sale is here! You get";
  assert.ok(draft.startsWith(opening) && draft.length > opening.length, draft);
  await eventually(() => inBrowser("copy").locator(".words").textContent(), draft);

  ben = await edit(server, "campaign");
  assert.equal(ben.text("copy"), draft);
});

test("three subjects are scored with intervals, and one is chosen", { skip: skipOwn }, async () => {
  const scores = await step("analytics").getByRole("img").evaluateAll((rows) =>
    rows.map((row) => row.getAttribute("aria-label").match(/[\d.]+(?= %)/g).map(Number)),
  );
  assert.equal(scores.length, 3);
  for (const [probability, low, high] of scores) {
    assert.ok(0 < low && low <= probability && probability <= high && high < 100 && low < high, `${scores}`);
  }
  assert.equal(await step("analytics").locator(".subject[data-chosen]").count(), 1);
});

test("the reader's four copies get their verdicts", { skip: skipOwn }, async () => {
  const shown = await step("verify").locator(".verdicts li").evaluateAll((rows) =>
    rows.map((row) => [".verdict-copy", ".badge"].map((part) => row.querySelector(part).textContent)),
  );
  assert.deepEqual(shown, VERDICTS);
});

const withoutChain = skipOwn || (process.env.MAILY_ANVIL ? false : "MAILY_ANVIL does not name a chain");

test("the checkpoint is anchored on a chain", { skip: withoutChain }, () => {
  assert.match(server.output, /anchored on eip155:\d+ in block \d+/);
});

test("what one person drags in the browser moves for the other", { skip: skipOwn }, async () => {
  const before = ben.place("button");
  const { x, y, width, height } = await inBrowser("button").boundingBox();
  await ada.page.mouse.move(x + width / 2, y + height / 2);
  await ada.page.mouse.down();
  await ada.page.mouse.move(x + width / 2 + 90, y + height / 2 + 40, { steps: 8 });
  await ada.page.mouse.up();

  const after = await place(ada.page, "button");
  assert.notDeepEqual(after, before);
  await eventually(() => ben.place("button"), after);
});

test("what the other moves, the browser shows", { skip: skipOwn }, async () => {
  const to = [64, 216, 480, 48];
  assert.notDeepEqual(ben.place("headline"), to);
  ben.move("headline", to);
  await eventually(() => place(ada.page, "headline"), to);
});

test("nothing went wrong in the browser on the way", { skip: skipOwn }, () => assertQuiet([ada], /^$/));
