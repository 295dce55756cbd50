// The socket of the journey: connects, connects again, and reports what arrives.

import type { Access, Need } from "../key/access.ts";
import { onWelcome } from "../key/access.ts";
import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import { parse } from "./model.ts";
import type { Event, Journey } from "./reducer.ts";
import { START, reduce } from "./reducer.ts";

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** Time to wait before attempt `attempt` (from 0): doubled each time, at most 30 s, less up to a quarter by chance. */
export const delay = (attempt: number, random: number): number =>
  Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS) * (1 - random / 4);

export class Feed {
  readonly #url: string;
  readonly #access: Access;
  readonly #journey = new Store<Journey>(START);
  #attempt = 0;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, access: Access) {
    this.#url = url;
    this.#access = access;
    onWelcome(access, this.retry);
    // Nobody looks at a hidden page; it connects when it is shown.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#connect();
    });
    this.#connect();
  }

  get journey(): Readable<Journey> {
    return this.#journey;
  }

  /** Whether a key is what keeps it from connecting. */
  get need(): Readable<Need> {
    return this.#access.need;
  }

  /** Tries again now; asks for a key first where one is needed. */
  readonly retry = (): void => {
    if (this.#access.need.get().needed) return this.#access.ask();
    this.#attempt = 0;
    this.#connect();
  };

  #connect(): void {
    if (this.#socket !== null || document.hidden || this.#access.need.get().needed) return;
    clearTimeout(this.#timer);
    this.#apply({ type: "link", link: "connecting" });
    const socket = new WebSocket(this.#access.address(this.#url));
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#attempt = 0;
      this.#apply({ type: "link", link: "open" });
    });
    socket.addEventListener("message", ({ data }) => {
      const frame = typeof data === "string" ? parse(data) : null;
      if (frame) this.#apply({ type: "frame", frame });
    });
    socket.addEventListener("close", () => {
      this.#socket = null;
      this.#apply({ type: "link", link: "closed" });
      this.#timer = setTimeout(() => this.#connect(), delay(this.#attempt, Math.random()));
      this.#attempt += 1;
    });
  }

  #apply(event: Event): void {
    this.#journey.set(reduce(this.#journey.get(), event));
  }
}
