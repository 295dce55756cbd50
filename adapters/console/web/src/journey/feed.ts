// The live journey, from the socket to the page.

import type { Access, Need } from "../key/access.ts";
import { Live } from "../ui/live.ts";
import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import { parse } from "./model.ts";
import type { Event, Journey } from "./reducer.ts";
import { START, reduce } from "./reducer.ts";

export class Feed {
  readonly #live: Live;
  readonly #journey = new Store<Journey>(START);

  constructor(url: string, access: Access) {
    this.#live = new Live(url, access, {
      onLink: (link) => this.#apply({ type: "link", link }),
      onText: (text) => {
        const frame = parse(text);
        if (frame) this.#apply({ type: "frame", frame });
      },
    });
    this.#live.start();
  }

  get journey(): Readable<Journey> {
    return this.#journey;
  }

  /** Whether a key is what keeps it from connecting. */
  get need(): Readable<Need> {
    return this.#live.need;
  }

  /** Tries again now; asks for a key first where one is needed. */
  readonly retry = (): void => this.#live.retry();

  #apply(event: Event): void {
    this.#journey.set(reduce(this.#journey.get(), event));
  }
}
