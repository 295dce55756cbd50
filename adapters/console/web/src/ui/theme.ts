// Dark or light: as the system says, until somebody says otherwise.

import type { Readable } from "./store.ts";
import { Store } from "./store.ts";

export type Theme = "dark" | "light";

const KEY = "maily.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

const stored = (): Theme | null => {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null;
  }
};

const store = new Store<Theme>(stored() ?? (system.matches ? "dark" : "light"));

export const theme: Readable<Theme> = store;

const show = (): void => {
  document.documentElement.dataset["theme"] = store.get();
};

/** Applies the theme, and follows the system while nothing is chosen. */
export const startTheme = (): void => {
  show();
  store.subscribe(show);
  system.addEventListener("change", ({ matches }) => {
    if (stored() === null) store.set(matches ? "dark" : "light");
  });
};

export const toggleTheme = (): void => {
  const next = store.get() === "dark" ? "light" : "dark";
  store.set(next);
  try {
    // The system's own choice is not stored: the page then follows the system again.
    if (next === (system.matches ? "dark" : "light")) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
};
