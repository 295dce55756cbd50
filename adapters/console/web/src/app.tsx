// The page: the canvas with the journey beside it, or the mesh.

import { MailyErrorBoundary } from "@maily/errors/react";
import type { ReactElement } from "react";
import { Suspense, lazy, useEffect } from "react";

import { Banner } from "./canvas/banner.tsx";
import { Inspector } from "./canvas/inspector.tsx";
import { onPage } from "./canvas/keys.ts";
import { Layers } from "./canvas/layers.tsx";
import { Palette } from "./canvas/palette.tsx";
import { Shortcuts } from "./canvas/shortcuts.tsx";
import { Stage } from "./canvas/stage.tsx";
import { Toolbar } from "./canvas/toolbar.tsx";
import type { Workspace } from "./canvas/workspace.ts";
import type { Config } from "./config.ts";
import type { Feed } from "./journey/feed.ts";
import { JourneyPanel } from "./journey/journey-panel.tsx";
import type { Access } from "./key/access.ts";
import { KeyDialog } from "./key/key-dialog.tsx";
import type { MeshFeed } from "./mesh/feed.ts";
import { Announcer } from "./ui/announce.tsx";
import { useStore } from "./ui/store.ts";
import { view } from "./view.ts";

interface Props {
  readonly workspace: Workspace;
  readonly feed: Feed;
  readonly mesh: MeshFeed;
  readonly config: Config;
  readonly access: Access;
}

// Loaded when somebody looks at it.
const MeshPage = lazy(async () => ({ default: (await import("./mesh/mesh-page.tsx")).MeshPage }));

// Keys of the page belong to a field or a dialog while one has the focus.
const isTaken = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, textarea, select, dialog") !== null;

const Campaign = ({ workspace, feed }: Pick<Props, "workspace" | "feed">): ReactElement => (
  <main className="panels">
    <aside className="tools" aria-label="Blocks, layers and properties">
      <Palette workspace={workspace} />
      <Layers workspace={workspace} />
      <Inspector workspace={workspace} />
    </aside>
    <Stage workspace={workspace} />
    <JourneyPanel feed={feed} />
  </main>
);

export const App = ({ workspace, feed, mesh, config, access }: Props): ReactElement => {
  const looksAt = useStore(view);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const command = isTaken(event.target) || view.get() !== "campaign" ? null : onPage(event);
      if (!command) return;
      event.preventDefault();
      workspace.run(command);
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [workspace]);

  return (
    <div className="app">
      <Toolbar workspace={workspace} config={config} access={access} />
      <Banner session={workspace.session} />
      <MailyErrorBoundary resetKeys={[looksAt]}>
        <Suspense>
          {looksAt === "mesh" ? <MeshPage feed={mesh} /> : <Campaign workspace={workspace} feed={feed} />}
        </Suspense>
      </MailyErrorBoundary>
      <Shortcuts workspace={workspace} />
      <KeyDialog access={access} />
      <Announcer />
    </div>
  );
};
