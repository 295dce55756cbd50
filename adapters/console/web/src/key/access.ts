// The key that a server may want: where it comes from, whether it is right, and what carries it.

import { MailyError } from "@maily/errors";

import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";

/** What the server said to a key, or to none: that it is welcome, or why it cannot be tried or is not. */
export type Answer = "welcome" | MailyError;

export interface Need {
  /** The server wants a key, and there is none that it knows: trying again without one is in vain. */
  readonly needed: boolean;
  /** Somebody is asked for it now. */
  readonly asking: boolean;
  /** What is wrong with the key so far; "" when there was none. */
  readonly reason: string;
}

/** Keeps the key for as long as the tab lives, and for this tab only. */
export interface Keep {
  readonly load: () => string;
  readonly save: (key: string) => void;
}

const FINE: Need = { needed: false, asking: false, reason: "" };
const WRONG = "The server does not know this key.";

/** What a header can carry without quoting. */
const SENDABLE = /^[\x21-\x7e]+$/u;

export class Access {
  readonly #ask: (key: string) => Promise<Answer>;
  readonly #keep: Keep;
  readonly #need = new Store<Need>(FINE);
  #key: string;
  #checking = false;

  /** Begins with the key that was given, else with the one that is kept. */
  constructor(ask: (key: string) => Promise<Answer>, keep: Keep, given: string) {
    this.#ask = ask;
    this.#keep = keep;
    this.#key = given || keep.load();
    if (given !== "") keep.save(given);
  }

  get need(): Readable<Need> {
    return this.#need;
  }

  get key(): string {
    return this.#key;
  }

  /** The key as a parameter: a browser cannot give a header to a WebSocket. */
  get params(): Record<string, string> {
    return this.#key === "" ? {} : { key: this.#key };
  }

  /** The address of a WebSocket, with the key. */
  address(url: string): string {
    return this.#key === "" ? url : `${url}?${new URLSearchParams(this.params)}`;
  }

  /** Finds out whether a key is what a refused socket lacks. */
  readonly check = async (): Promise<void> => {
    if (this.#checking || this.#need.get().needed) return;
    this.#checking = true;
    const answer = await this.#ask(this.#key);
    this.#checking = false;
    if (isRefusal(answer)) this.#want(this.#key === "" ? "" : WRONG);
  };

  /** Tries a key; it is kept once the server knows it. */
  readonly enter = async (key: string): Promise<void> => {
    const answer = SENDABLE.test(key) ? await this.#ask(key) : new MailyError("unauthorized");
    if (isRefusal(answer)) return this.#want(WRONG);
    if (answer !== "welcome") return this.#need.set({ ...this.#need.get(), reason: untried(answer) });
    this.#key = key;
    this.#keep.save(key);
    this.#need.set(FINE);
  };

  /** Asks again, after somebody said not now. */
  readonly ask = (): void => this.#need.set({ ...this.#need.get(), asking: true });

  readonly dismiss = (): void => this.#need.set({ ...this.#need.get(), asking: false });

  #want(reason: string): void {
    this.#need.set({ needed: true, asking: true, reason });
  }
}

const isRefusal = (answer: Answer): boolean => answer !== "welcome" && answer.kind === "unauthorized";

const untried = ({ message, traceId }: MailyError): string =>
  `${message}; the key was not tried.${traceId === undefined ? "" : ` Trace ${traceId}.`}`;

/** Calls `again` whenever a key was found that the server knows. */
export const onWelcome = (access: Access, again: () => void): void => {
  let was = access.need.get().needed;
  access.need.subscribe(() => {
    const { needed } = access.need.get();
    if (was && !needed) again();
    was = needed;
  });
};

/** Headers of a request with this key. */
export const bearer = (key: string): Record<string, string> =>
  key === "" ? {} : { authorization: `Bearer ${key}` };

/** Asks the server by the cheapest request that needs a key. */
export const probe =
  (url: string) =>
  async (key: string): Promise<Answer> => {
    try {
      const answer = await fetch(url, { headers: bearer(key) });
      if (answer.ok) return "welcome";
      const { fromResponse } = await import("../ui/problem.ts");
      const error = await fromResponse(answer);
      // Any other answer came from behind the gate, unless the server is in trouble.
      return isRefusal(error) || error.status >= 500 ? error : "welcome";
    } catch (cause) {
      return new MailyError("unavailable", { detail: "The server cannot be reached", cause });
    }
  };

const NAME = "maily.key";

/** The storage of the tab, which ends with it. Where it is switched off the key lasts as long as the page. */
export const tab: Keep = {
  load: () => {
    try {
      return sessionStorage.getItem(NAME) ?? "";
    } catch {
      return "";
    }
  },
  save: (key) => {
    try {
      sessionStorage.setItem(NAME, key);
    } catch {
      // As above.
    }
  },
};
