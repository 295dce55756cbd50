// Brings what the document becomes outside of the canvas; loaded with the first export.

import { createFetch } from "@maily/errors";

import { bearer } from "../key/access.ts";

const call = createFetch();

/** Fetches with the key, which a link cannot carry, and hands the file over as a download. */
export const download = async (url: string, name: string, key: string): Promise<void> => {
  const answer = await call(url, { headers: bearer(key) });
  const file = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement("a"), { href: file, download: name }).click();
  // The download reads it after the click, and does not say when it is done.
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
};

/** Opens it beside the page, once the server has drawn it: a link alone would open the refusal. */
export const show = async (url: string): Promise<void> => {
  const answer = await call(url);
  await answer.body?.cancel();
  window.open(url, "_blank", "noreferrer");
};
