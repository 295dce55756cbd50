// The keyboard alone, and what a screen reader is told.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  announced,
  assertQuiet,
  elements,
  eventually,
  idOf,
  newDocument,
  open,
  place,
  skip,
  withBrowser,
} from "./support.mjs";

withBrowser();

test("a document is begun, changed and undone without a pointer", { skip }, async () => {
  const ada = await open(newDocument());
  const { page } = ada;
  const press = (...keys) =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

  await press("t");
  await eventually(() => elements(page).count(), 1);
  const text = elements(page).first();
  const id = await idOf(text);
  assert.match(await announced(page), /^Text added/);
  assert.equal(
    await text.evaluate((node) => node === document.activeElement),
    true,
    "the new element has the focus",
  );

  const [x, y, width, height] = await place(page, id);
  await press("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowLeft");
  await eventually(() => place(page, id), [x - 8, y + 1, width, height]);
  assert.equal(await announced(page), `At ${x - 8}, ${y + 1}; ${width} by ${height} pixels.`);
  await press("Alt+Shift+ArrowRight");
  await eventually(() => place(page, id), [x - 8, y + 1, width + 10, height]);

  await press("Enter");
  await page.getByRole("textbox", { name: /^Edit Text/ }).waitFor();
  await press("Control+a");
  await page.keyboard.type("Hi 👋");
  await press("Escape");
  await page.getByRole("option", { name: "Text: Hi 👋" }).waitFor();
  assert.equal(await text.evaluate((node) => node === document.activeElement), true, "the focus comes back");

  // One step of undo for the words, one for each key that was let go, one for the element.
  await press("Control+z");
  await page.getByRole("option", { name: "Text: Write something worth opening" }).waitFor();
  await press("Control+z");
  await eventually(() => place(page, id), [x - 8, y + 1, width, height]);
  await press("Control+z", "Control+z", "Control+z", "Control+z");
  await eventually(() => place(page, id), [x, y, width, height]);
  await press("Control+z");
  await eventually(() => elements(page).count(), 0);
  await press("Control+Shift+z");
  await eventually(() => elements(page).count(), 1);
  assertQuiet([ada]);
  await ada.close();
});

test("Tab goes through the elements, and each command says what it did", { skip }, async () => {
  const ada = await open(newDocument());
  const { page } = ada;
  await page.keyboard.press("s");
  await page.keyboard.press("b");
  await eventually(() => elements(page).count(), 2);

  await page.keyboard.press("Shift+Tab");
  await page.getByRole("option", { name: "Shape", selected: true }).waitFor();
  await page.keyboard.press("]");
  await eventually(() => announced(page), "Moved forward.");
  await eventually(() => elements(page).last().textContent(), "Shape");
  await page.keyboard.press("l");
  await eventually(() => announced(page), "Locked.");
  await page.keyboard.press("ArrowUp");
  await eventually(() => announced(page), "This element is locked.");
  await page.keyboard.press("l");
  await page.keyboard.press("Control+d");
  await eventually(() => elements(page).count(), 3);
  await page.keyboard.press("Delete");
  await eventually(() => elements(page).count(), 2);
  assert.match(await announced(page), /^Shape removed/);
  assertQuiet([ada]);
  await ada.close();
});

test("a held arrow key is one change, and Escape takes it back", { skip }, async () => {
  const ada = await open(newDocument());
  const { page } = ada;
  await page.keyboard.press("s");
  const id = await idOf(elements(page).first());
  const [x, y, width, height] = await place(page, id);
  const sent = ada.changes.sent;

  for (let count = 0; count < 5; count += 1) await page.keyboard.down("ArrowRight");
  await eventually(() => place(page, id), [x + 5, y, width, height]);
  assert.equal(ada.changes.sent, sent, "nothing is written while the key is held");
  await page.keyboard.up("ArrowRight");
  await eventually(() => ada.changes.sent, sent + 1);

  await page.keyboard.down("ArrowDown");
  await page.keyboard.press("Escape");
  await page.keyboard.up("ArrowDown");
  await eventually(() => place(page, id), [x + 5, y, width, height]);
  assert.equal(ada.changes.sent, sent + 1);
  assertQuiet([ada]);
  await ada.close();
});

test("the shortcut sheet opens with a question mark and gives the focus back", { skip }, async () => {
  const ada = await open(newDocument());
  const { page } = ada;
  await page.keyboard.press("b");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("t");
  assert.equal(await elements(page).count(), 1, "keys do not reach the page behind the dialog");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(
    await elements(page)
      .first()
      .evaluate((node) => node === document.activeElement),
    true,
  );
  assertQuiet([ada]);
  await ada.close();
});
