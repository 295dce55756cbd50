// What a real run cannot be made to show: a step that fails, a draft caught half-way, a socket that drops.
// The frames are invented; campaign.test.mjs has the real ones.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assertQuiet, eventually, newDocument, open, skip, violations, withBrowser } from "./support.mjs";

withBrowser();

const frame = (seq, step, state, detail, data) =>
  JSON.stringify({ seq, step, state, title: `Stage ${step}`, detail, elapsed_ms: 100 * seq, data });

const SCORES = [
  { subject: "Your summer, lighter", probability: 0.342, low: 0.291, high: 0.398, chosen: true },
  { subject: "Summer starts now ☀", probability: 0.305, low: 0.241, high: 0.377, chosen: false },
];
const VERDICTS = [
  { copy: "as sent", state: "intact", title: "Intact: exactly as it was certified" },
  { copy: "one word changed", state: "changed", title: "Changed: text/plain part" },
];

/** Opens a page whose journey is `socket`: the test sends the frames. */
const watched = async (options) => {
  let socket;
  const person = await open(newDocument(), {
    ...options,
    journey: (opened) => {
      socket = opened;
    },
  });
  await eventually(() => socket !== undefined, true);
  return { ...person, send: (...frame_) => socket.send(frame(...frame_)), drop: () => socket.close() };
};

for (const colorScheme of ["light", "dark"]) {
  test(`invented frames: a draft that grows and a step that fails, in ${colorScheme}`, { skip }, async () => {
    const ada = await watched({ colorScheme, reducedMotion: "reduce" });
    const { page } = ada;
    const step = (name) => page.locator(`.step[data-step="${name}"]`);
    await page.getByText("No journey is running; start one with cargo xtask demo.").waitFor();

    ada.send(1, "canvas", "running", "");
    await eventually(() => step("canvas").getAttribute("data-state"), "running");
    ada.send(2, "canvas", "done", "Ada and Ben see the same 4 elements", { elements: 4 });
    await step("canvas").getByText("Ada and Ben see the same 4 elements").waitFor();

    ada.send(3, "mesh", "running", "the model writes", { draft: "Summer is" });
    ada.send(4, "mesh", "running", "the model writes", { draft: "Summer is here" });
    await eventually(() => step("mesh").locator("blockquote").textContent(), "Summer is here");
    ada.send(5, "mesh", "done", "node local", { draft: "Summer is here.", subject: "Your summer" });
    await step("mesh").getByText("Your summer").waitFor();

    ada.send(6, "analytics", "done", "", { scores: SCORES });
    await page.getByRole("img", { name: "34.2 % likely to be opened, between 29.1 % and 39.8 %" }).waitFor();
    ada.send(7, "export", "done", "18 kB");
    ada.send(8, "trust", "failed", "the ledger is not reachable");
    ada.send(9, "verify", "done", "", { verdicts: VERDICTS });
    await page.getByRole("list", { name: "Verdicts" }).getByText("Changed", { exact: true }).waitFor();

    assert.equal(await page.locator('.step[data-state="done"]').count(), 5);
    assert.equal(await page.locator('.step[data-state="failed"]').count(), 1);
    assert.deepEqual(await violations(page), []);
    assertQuiet([ada]);
    await ada.close();
  });
}

test("invented frames: a journey that loses its server keeps what it showed", { skip }, async () => {
  const ada = await watched();
  ada.send(1, "canvas", "done", "the same 4 elements");
  await ada.page.getByText("the same 4 elements").waitFor();
  ada.drop();
  await ada.page.locator(".journey").getByText("Not connected").waitFor();
  assert.equal(await ada.page.getByText("the same 4 elements").count(), 1);
  await ada.page.locator(".journey").getByText("Live").waitFor();
  assertQuiet([ada]);
  await ada.close();
});
