// axe on every state of the page that looks different, in both themes, at both widths.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  assertQuiet,
  elements,
  eventually,
  newDocument,
  open,
  skip,
  violations,
  withBrowser,
} from "./support.mjs";

withBrowser();

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    test(`nothing is inaccessible in ${colorScheme} at ${width} px`, { skip }, async () => {
      const ada = await open(newDocument(), {
        colorScheme,
        width,
        height: width < 500 ? 844 : 800,
        reducedMotion: "reduce",
      });
      const { page } = ada;
      assert.deepEqual(await violations(page), [], "empty");

      await page.getByRole("button", { name: "Use a layout" }).click();
      await eventually(() => elements(page).count(), 8);
      await page.getByRole("option", { name: "Image" }).click();
      assert.deepEqual(await violations(page), [], "with a selected picture");

      await page.getByRole("option", { name: "Button: Read the story" }).dblclick();
      await page.getByRole("textbox", { name: /^Edit Button/ }).waitFor();
      assert.deepEqual(await violations(page), [], "while editing");
      await page.keyboard.press("Escape");

      await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
      assert.deepEqual(await violations(page), [], "with the shortcut sheet");
      await page.keyboard.press("Escape");

      const sideways = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.equal(sideways, 0, "the page does not scroll sideways");
      assertQuiet([ada]);
      await ada.close();
    });
  }
}

test("the theme follows the system until somebody chooses", { skip }, async () => {
  const ada = await open(newDocument(), { colorScheme: "dark" });
  const theme = () => ada.page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "dark");
  await ada.page.getByRole("button", { name: "Dark theme" }).click();
  assert.equal(await theme(), "light");
  await ada.page.reload();
  assert.equal(await theme(), "light");
  assertQuiet([ada]);
  await ada.close();
});
