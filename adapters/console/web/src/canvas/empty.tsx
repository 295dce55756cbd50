// What an empty document says.

import type { ReactElement } from "react";

import { Icon } from "../ui/icon.tsx";
import type { Phase } from "./session.ts";
import type { Workspace } from "./workspace.ts";

export const Empty = ({
  workspace,
  phase,
}: {
  readonly workspace: Workspace;
  readonly phase: Phase;
}): ReactElement => {
  if (phase === "connecting") return <p className="empty quiet">Opening the document…</p>;
  return (
    <div className="empty">
      <Icon name="layers" />
      <h2>Nothing on this page yet</h2>
      <p>
        Drag a block here, press T for text, or begin with a ready layout. Everybody on this document sees it.
      </p>
      <div className="row">
        <button type="button" className="button primary" onClick={() => workspace.add("text")}>
          Add the first text
        </button>
        <button type="button" className="button" onClick={() => workspace.addStarter()}>
          Use a layout
        </button>
      </div>
    </div>
  );
};
