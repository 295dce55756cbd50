// The boundary in a real browser, against the answers of a real server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";
import { build } from "vite";

const url = process.env.MAILY_URL;
const skip = url ? false : "MAILY_URL does not name a running server";
if (skip && process.env.CI === "true") throw new Error(skip);

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

let browser;
let script;

before(async () => {
  if (skip) return;
  script = await bundle();
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: FLAGS });
});
after(() => browser?.close());

/** Bundles the page with the package as it is built and exported. */
async function bundle() {
  const { output } = await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      lib: { entry: fileURLToPath(new URL("page/main.tsx", import.meta.url)), formats: ["es"], fileName: "main" },
    },
  }).then((built) => [built].flat()[0]);
  return output[0].code;
}

/** A page of the server's own origin, whose document and script come from here. */
async function open() {
  const context = await browser.newContext();
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(url).origin });
  const page = await context.newPage();
  const html = '<!doctype html><title>Errors</title><main id="root"></main><script type="module" src="/errors-test/main.js"></script>';
  await page.route("**/errors-test/", (route) => route.fulfill({ contentType: "text/html", body: html }));
  await page.route("**/errors-test/main.js", (route) => route.fulfill({ contentType: "text/javascript", body: script }));
  await page.goto(`${url}/errors-test/`);
  await page.getByText("All is well.").waitFor();
  return page;
}

test("fallback of the code is shown, and the keyboard leads back", { skip }, async () => {
  const page = await open();

  await page.getByRole("button", { name: "Open" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("There is no such document (404)").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");

  await page.getByText("All is well.").waitFor();
  assert.deepEqual(await page.evaluate("told"), ["document-not-found"]);
});

test("built-in fallback has the focus, copies the trace that the server gave, and is told once", { skip }, async () => {
  const page = await open();

  await page.getByRole("button", { name: "Stray" }).click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  assert.equal(await alert.getAttribute("data-code"), "route-not-found");
  assert.equal(await alert.locator("code").textContent(), TRACE);
  assert.match(await alert.getByRole("link").getAttribute("href"), /docs\/errors\/route-not-found\.md$/);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();

  assert.equal(await page.evaluate("navigator.clipboard.readText()"), TRACE);
  assert.deepEqual(await page.evaluate("told"), ["route-not-found"]);
});

test("error of a render is caught, and Enter on the focused button tries again", { skip }, async () => {
  const page = await open();

  await page.getByRole("button", { name: "Draw" }).focus();
  await page.keyboard.press("Space");
  await page.getByRole("alert").getByText("the scene has no layer").waitFor();
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Try again");
  await page.keyboard.press("Enter");

  await page.getByText("All is well.").waitFor();
  assert.deepEqual(await page.evaluate("told"), ["scene-invalid"]);
});
