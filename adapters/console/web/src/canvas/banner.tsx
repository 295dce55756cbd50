// How the page is connected: a quiet mark while all is well, a banner with a way out while it is not.

import type { ReactElement } from "react";

import { useStore } from "../ui/store.ts";
import type { Connection, Phase, Session } from "./session.ts";

const LABELS: Readonly<Record<Phase, string>> = {
  connecting: "Connecting",
  synced: "Synced",
  reconnecting: "Reconnecting",
  offline: "Offline",
  refused: "Refused",
};

export const ConnectionMark = ({ session }: { readonly session: Session }): ReactElement => {
  const { phase } = useStore(session.connection);
  return (
    <span className="mark" data-phase={phase} data-testid="connection">
      {LABELS[phase]}
    </span>
  );
};

/** The sentence of the banner; `null` when there is nothing to say. */
export const sentence = ({ phase, unsent, reason }: Connection): string | null => {
  if (phase === "synced" || phase === "connecting") return null;
  if (phase === "refused") return `The server does not open this document: ${reason}.`;
  const closed = reason === "" ? "The connection was lost" : `The server closed the connection: ${reason}`;
  const lost = phase === "offline" ? "You are offline." : `${closed}; trying again.`;
  const kept = unsent === 1 ? "1 change is kept" : `${unsent} changes are kept`;
  return unsent === 0
    ? `${lost} You can go on editing.`
    : `${lost} ${kept} in this tab until the server is back.`;
};

export const Banner = ({ session }: { readonly session: Session }): ReactElement => {
  const connection = useStore(session.connection);
  const text = sentence(connection);
  return (
    <div className="banner-place" role="status">
      {text && (
        <div className="banner" data-phase={connection.phase}>
          <span>{text}</span>
          <button type="button" className="button small" onClick={session.resync}>
            Connect now
          </button>
        </div>
      )}
    </div>
  );
};
