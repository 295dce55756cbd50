// The bar at the top: which document, who is here, and what can be done with all of it.

import type { ReactElement } from "react";

import type { Config } from "../config.ts";
import type { Access } from "../key/access.ts";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import { theme, toggleTheme } from "../ui/theme.ts";
import { show, view } from "../view.ts";
import { ConnectionMark } from "./banner.tsx";
import { Exports } from "./exports.tsx";
import { People } from "./people.tsx";
import type { Workspace } from "./workspace.ts";

interface Props {
  readonly workspace: Workspace;
  readonly config: Config;
  readonly access: Access;
}

const Title = ({ workspace, config }: Omit<Props, "access">): ReactElement => {
  const { canvas } = workspace.session;
  const { title } = useStore(canvas.scene).meta;
  return (
    <div className="title">
      <h1>
        <span className="unseen">Maily console: </span>
        {config.document}
      </h1>
      <input
        key={title}
        className="title-input"
        aria-label="Title of the document"
        placeholder="Untitled"
        maxLength={120}
        defaultValue={title}
        onBlur={(event) => {
          const next = event.currentTarget.value.trim();
          if (next !== title) canvas.setTitle(next);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
        }}
      />
    </div>
  );
};

export const Toolbar = ({ workspace, config, access }: Props): ReactElement => {
  const { canUndo, canRedo } = useStore(workspace.session.canvas.history);
  const shown = useStore(theme);
  const looksAt = useStore(view);
  return (
    <header className="toolbar">
      <svg className="logo" viewBox="0 0 32 32" role="img" aria-label="Maily">
        <rect width="32" height="32" rx="8" />
        <path d="M7 11.5 16 18l9-6.5M9 9h14a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2V11a2 2 0 0 1 2-2Z" />
      </svg>
      <Title workspace={workspace} config={config} />
      <ConnectionMark session={workspace.session} />
      <div className="group" role="group" aria-label="History">
        <button
          type="button"
          className="icon-button"
          aria-label="Undo"
          disabled={!canUndo}
          onClick={() => workspace.run({ type: "undo" })}
        >
          <Icon name="undo" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Redo"
          disabled={!canRedo}
          onClick={() => workspace.run({ type: "redo" })}
        >
          <Icon name="redo" />
        </button>
      </div>
      <Exports config={config} access={access} />
      <People presence={workspace.session.presence} />
      <div className="group">
        <button
          type="button"
          className="icon-button"
          aria-label="Mesh"
          title="Mesh"
          aria-pressed={looksAt === "mesh"}
          onClick={() => show(looksAt === "mesh" ? "campaign" : "mesh")}
        >
          <Icon name="mesh" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Dark theme"
          aria-pressed={shown === "dark"}
          onClick={toggleTheme}
        >
          <Icon name={shown === "dark" ? "moon" : "sun"} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Keyboard shortcuts"
          onClick={() => workspace.showHelp(true)}
        >
          <Icon name="help" />
        </button>
      </div>
    </header>
  );
};
