// Presence: who is here, where they point, what they are dragging. Nothing of it is stored.

import type { WebsocketProvider } from "y-websocket";

import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import { Throttle } from "../ui/throttle.ts";
import type { Geom, Point } from "./model.ts";
import type { Person } from "./person.ts";
import * as person from "./person.ts";
import * as read from "./read.ts";

type Awareness = WebsocketProvider["awareness"];

/** Clients whose state changed. */
type Change = Readonly<Record<"added" | "updated" | "removed", readonly number[]>>;

export interface Drag {
  readonly id: string;
  readonly geom: Geom;
}

/** Somebody else on this document. */
export interface Peer {
  readonly client: number;
  readonly user: Person;
  readonly cursor: Point | null;
  readonly drag: Drag | null;
  /** Element that is selected there. */
  readonly selected: string | null;
}

/** Fastest rate at which pointer movements are sent. */
const SEND_MS = 33;

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};

const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** Reads one awareness state; `null` when it does not say who it is. */
export const peer = (client: number, state: unknown): Peer | null => {
  const fields = record(state);
  const user = person.parse(fields["user"]);
  if (user === null) return null;
  const { x, y } = record(fields["cursor"]);
  const drag = record(fields["drag"]);
  const place = read.geom(drag["geom"]);
  const { selected } = fields;
  return {
    client,
    user,
    cursor: finite(x) && finite(y) ? { x, y } : null,
    drag: typeof drag["id"] === "string" && place ? { id: drag["id"], geom: place } : null,
    selected: typeof selected === "string" ? selected : null,
  };
};

export class Presence {
  readonly #awareness: Awareness;
  readonly #peers = new Store<readonly Peer[]>([]);
  readonly #self: Store<Person>;
  readonly #send: Throttle;
  #cursor: Point | null = null;
  #drag: Drag | null = null;
  #selected: string | null = null;

  constructor(awareness: Awareness, self: Person) {
    this.#awareness = awareness;
    this.#self = new Store(self);
    this.#send = new Throttle(SEND_MS, () => {
      awareness.setLocalState({
        user: this.#self.get(),
        cursor: this.#cursor,
        drag: this.#drag,
        selected: this.#selected,
      });
    });
    awareness.on("change", ({ added, updated, removed }: Change) => {
      // One's own pointer moves sixty times a second and changes nothing that is shown of others.
      if ([...added, ...updated, ...removed].some((client) => client !== awareness.clientID)) this.#read();
    });
    this.#send.flush();
  }

  get peers(): Readable<readonly Peer[]> {
    return this.#peers;
  }

  get self(): Readable<Person> {
    return this.#self;
  }

  rename(name: string): void {
    const known = person.parse({ ...this.#self.get(), name });
    if (known === null) return;
    this.#self.set(known);
    person.save(known);
    this.#send.flush();
  }

  point(cursor: Point | null): void {
    this.#cursor = cursor;
    this.#send.request();
  }

  select(id: string | null): void {
    this.#selected = id;
    this.#send.request();
  }

  drag(drag: Drag | null): void {
    this.#drag = drag;
    // The end of a drag must not wait behind its last movement.
    if (drag === null) this.#send.flush();
    else this.#send.request();
  }

  #read(): void {
    const others = [...this.#awareness.getStates()]
      .filter(([client]) => client !== this.#awareness.clientID)
      .map(([client, state]) => peer(client, state))
      .filter((known) => known !== null)
      .sort((a, b) => a.client - b.client);
    this.#peers.set(others);
  }
}
