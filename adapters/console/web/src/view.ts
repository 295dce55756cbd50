// Which of its two views the page shows, and its address says.

import { Store } from "./ui/store.ts";

export type View = "campaign" | "mesh";

/** Reads `?view=`; anything but `mesh` is the campaign. */
export const viewOf = (search: string): View =>
  new URLSearchParams(search).get("view") === "mesh" ? "mesh" : "campaign";

/** The query that shows a view, with the rest as it was. */
export const queryOf = (search: string, view: View): string => {
  const params = new URLSearchParams(search);
  if (view === "mesh") params.set("view", view);
  else params.delete("view");
  const query = params.toString();
  return query === "" ? "" : `?${query}`;
};

export const view = new Store<View>("campaign");

/** Shows what the address says, now and when somebody goes back. */
export const startView = (): void => {
  const follow = (): void => view.set(viewOf(window.location.search));
  window.addEventListener("popstate", follow);
  follow();
};

export const show = (next: View): void => {
  if (next === view.get()) return;
  const { pathname, search, hash } = window.location;
  window.history.pushState(null, "", `${pathname}${queryOf(search, next)}${hash}`);
  view.set(next);
};
