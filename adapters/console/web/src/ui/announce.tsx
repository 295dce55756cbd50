// What a screen reader says when something changes that is otherwise only seen.

import type { ReactElement } from "react";

import { Store, useStore } from "./store.ts";

const message = new Store({ text: "", turn: 0 });

/** Says a sentence once the reader is free. The same sentence twice is said twice. */
export const announce = (text: string): void => message.set({ text, turn: message.get().turn + 1 });

export const Announcer = (): ReactElement => {
  const { text, turn } = useStore(message);
  // Readers skip a text that did not change; an invisible space makes it another one.
  return (
    <div className="unseen" role="status" aria-live="polite" data-testid="announcer">
      {turn % 2 === 0 ? text : `${text}\u00a0`}
    </div>
  );
};
