import "./ui/tokens.css";
import "./ui/base.css";
import "./canvas/canvas.css";
import "./journey/journey.css";
import "./mesh/mesh.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app.tsx";
import { Session } from "./canvas/session.ts";
import { Workspace } from "./canvas/workspace.ts";
import { read } from "./config.ts";
import { Feed } from "./journey/feed.ts";
import { Access, probe, tab } from "./key/access.ts";
import { take } from "./key/fragment.ts";
import { MeshFeed } from "./mesh/feed.ts";
import { startTheme } from "./ui/theme.ts";
import { startView } from "./view.ts";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

const config = read(window.location);
document.title = `${config.document} · Maily`;
startTheme();
startView();

// One visit is one session: it lives outside React, so that drawing the page again never connects again.
const access = new Access(probe(config.probe), tab, take());
const workspace = new Workspace(new Session(config, access));
const feed = new Feed(config.journey, access);
const mesh = new MeshFeed(config.nodes, access);
// The same page with another fragment does not load again.
window.addEventListener("hashchange", () => {
  const key = take();
  if (key !== "") void access.enter(key);
});

createRoot(root).render(
  <StrictMode>
    <App workspace={workspace} feed={feed} mesh={mesh} config={config} access={access} />
  </StrictMode>,
);
