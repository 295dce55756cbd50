// The live nodes, from the socket to the page.

import type { Access, Need } from "../key/access.ts";
import { Live } from "../ui/live.ts";
import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import { parse } from "./model.ts";
import type { Event, Mesh } from "./reducer.ts";
import { START, reduce } from "./reducer.ts";

export class MeshFeed {
  readonly #live: Live;
  readonly #mesh = new Store<Mesh>(START);

  constructor(url: string, access: Access) {
    this.#live = new Live(url, access, {
      onLink: (link) => this.#apply({ type: "link", link }),
      onText: (text) => {
        const topology = parse(text);
        if (topology) this.#apply({ type: "topology", topology });
      },
    });
  }

  get mesh(): Readable<Mesh> {
    return this.#mesh;
  }

  /** Whether a key is what keeps it from connecting. */
  get need(): Readable<Need> {
    return this.#live.need;
  }

  /** Listens while somebody looks; returns what ends it. */
  readonly watch = (): (() => void) => {
    this.#live.start();
    return this.#live.stop;
  };

  /** Tries again now; asks for a key first where one is needed. */
  readonly retry = (): void => this.#live.retry();

  #apply(event: Event): void {
    this.#mesh.set(reduce(this.#mesh.get(), event));
  }
}
