// One visit to one document: the Yjs document, its connection, and who else is there.

import type { Code } from "@maily/errors";
import { entry, isCode } from "@maily/errors";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

import type { Config } from "../config.ts";
import type { Access } from "../key/access.ts";
import { onWelcome } from "../key/access.ts";
import type { Readable } from "../ui/store.ts";
import { Store } from "../ui/store.ts";
import { CanvasDocument } from "./document.ts";
import { Gestures } from "./gesture.ts";
import * as person from "./person.ts";
import { Presence } from "./presence.ts";

export type Phase = "connecting" | "synced" | "reconnecting" | "offline" | "refused";

export interface Connection {
  readonly phase: Phase;
  /** Changes made here that the server has not seen. */
  readonly unsent: number;
  /** Why the server refused, or closed the connection, when it did. */
  readonly reason: string;
}

export class Session {
  readonly canvas: CanvasDocument;
  readonly presence: Presence;
  readonly gestures: Gestures;
  readonly #provider: WebsocketProvider;
  readonly #access: Access;
  readonly #connection = new Store<Connection>({ phase: "connecting", unsent: 0, reason: "" });

  constructor(config: Config, access: Access) {
    const doc = new Y.Doc();
    // One way for data: what another tab shows has been through the server, so no channel between tabs.
    const options = { disableBc: true, params: access.params };
    this.#provider = new WebsocketProvider(config.sync, config.document, doc, options);
    this.#access = access;
    this.canvas = new CanvasDocument(doc);
    this.presence = new Presence(this.#provider.awareness, person.load());
    this.gestures = new Gestures(this.canvas, this.presence);

    this.#provider.on("sync", (synced) => {
      if (synced) this.#connection.set({ phase: "synced", unsent: 0, reason: "" });
    });
    this.#provider.on("status", ({ status }) => {
      if (status === "disconnected") this.#lost();
    });
    this.#provider.on("closed", ({ code, reason }) => {
      this.#patch({
        phase: "refused",
        reason: reason || `the server closed the connection with code ${code}`,
      });
    });
    this.#provider.on("connection-close", (event) => {
      // The last word of a connection that ends for good is a code of the catalogue.
      if (isCode(event?.reason)) this.#patch({ reason: titleOf(event.reason) });
    });
    this.#provider.on("connection-error", () => void access.check());
    access.need.subscribe(() => {
      if (access.need.get().needed) this.#stop();
    });
    onWelcome(access, this.resync);
    doc.on("update", (_update: Uint8Array, origin: unknown) => {
      const { phase, unsent } = this.#connection.get();
      if (origin !== this.#provider && phase !== "synced") this.#patch({ unsent: unsent + 1 });
    });
    window.addEventListener("offline", () => this.#lost());
    window.addEventListener("online", () => this.resync());
    window.addEventListener("beforeunload", (event) => {
      // The browser asks whether to leave: the changes live in this tab only.
      if (this.#connection.get().unsent > 0) event.preventDefault();
    });
  }

  get connection(): Readable<Connection> {
    return this.#connection;
  }

  /** Connects again now instead of at the next attempt. Both sides then exchange what the other lacks. */
  readonly resync = (): void => {
    if (this.#access.need.get().needed) return this.#access.ask();
    this.#patch({ phase: navigator.onLine ? "reconnecting" : "offline", reason: "" });
    this.#provider.disconnect();
    this.#provider.params = this.#access.params;
    this.#provider.connect();
  };

  /** Every attempt without a key would be one more refusal. */
  #stop(): void {
    this.#provider.disconnect();
    this.#patch({ phase: "refused", reason: "it wants a key" });
  }

  #lost(): void {
    if (this.#access.need.get().needed) return;
    this.#patch({ phase: navigator.onLine ? "reconnecting" : "offline" });
  }

  #patch(change: Partial<Connection>): void {
    this.#connection.set({ ...this.#connection.get(), ...change });
  }
}

/** The title of a code within a sentence. */
const titleOf = (code: Code): string => {
  const { title } = entry(code);
  return title.charAt(0).toLowerCase() + title.slice(1);
};
