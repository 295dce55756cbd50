// A socket that only listens: connects, connects again, and reports what arrives.

import type { Access, Need } from "../key/access.ts";
import { onWelcome } from "../key/access.ts";
import type { Readable } from "./store.ts";

export type Link = "connecting" | "open" | "closed";

/** What is told to whoever listens. */
export interface Listener {
  readonly onLink: (link: Link) => void;
  readonly onText: (text: string) => void;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** Time to wait before attempt `attempt` (from 0): doubled each time, at most 30 s, less up to a quarter by chance. */
export const delay = (attempt: number, random: number): number =>
  Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS) * (1 - random / 4);

export class Live {
  readonly #url: string;
  readonly #access: Access;
  readonly #listener: Listener;
  #wanted = false;
  #attempt = 0;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, access: Access, listener: Listener) {
    this.#url = url;
    this.#access = access;
    this.#listener = listener;
    onWelcome(access, this.retry);
    // Nobody looks at a hidden page; it connects when it is shown.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#connect();
    });
  }

  /** Whether a key is what keeps it from connecting. */
  get need(): Readable<Need> {
    return this.#access.need;
  }

  /** Connects, and stays connected until it is stopped. */
  readonly start = (): void => {
    this.#wanted = true;
    this.#connect();
  };

  /** Ends the connection: nobody looks any more. */
  readonly stop = (): void => {
    this.#wanted = false;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  };

  /** Tries again now; asks for a key first where one is needed. */
  readonly retry = (): void => {
    if (this.#access.need.get().needed) return this.#access.ask();
    this.#attempt = 0;
    this.#connect();
  };

  #connect(): void {
    if (!this.#wanted || this.#socket !== null || document.hidden || this.#access.need.get().needed) return;
    clearTimeout(this.#timer);
    this.#listener.onLink("connecting");
    const socket = new WebSocket(this.#access.address(this.#url));
    this.#socket = socket;
    // What a socket says after it was stopped is no news.
    const isOurs = (): boolean => this.#socket === socket;
    socket.addEventListener("open", () => {
      if (!isOurs()) return;
      this.#attempt = 0;
      this.#listener.onLink("open");
    });
    socket.addEventListener("message", ({ data }) => {
      if (isOurs() && typeof data === "string") this.#listener.onText(data);
    });
    socket.addEventListener("close", () => {
      if (!isOurs()) return;
      this.#socket = null;
      this.#listener.onLink("closed");
      this.#timer = setTimeout(() => this.#connect(), delay(this.#attempt, Math.random()));
      this.#attempt += 1;
    });
  }
}
