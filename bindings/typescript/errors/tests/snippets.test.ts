// The TypeScript of the README and of the guide runs; `npm run check` compiles it.

import { readdirSync } from "node:fs";

import { afterEach, expect, test, vi } from "vitest";

const snippets = readdirSync(new URL("snippets", import.meta.url));

afterEach(() => vi.unstubAllGlobals());

test("there are snippets", () => {
  expect(snippets.length).toBeGreaterThan(3);
});

test.each(snippets)("%s", async (name) => {
  const problem = { type: "urn:maily:error:document-not-found", title: "None", status: 404, code: "document-not-found" };
  const headers = { "content-type": "application/problem+json" };
  const said: unknown[] = [];
  vi.stubGlobal("fetch", async () => Response.json(problem, { status: 404, headers }));
  vi.stubGlobal("console", {
    log: (...words: unknown[]) => said.push(...words),
    assert: (holds: boolean) => expect(holds).toBe(true),
  });

  await import(`./snippets/${name}`);

  if (name === "readme-1.ts") expect(said).toEqual(["there is no such document"]);
});
