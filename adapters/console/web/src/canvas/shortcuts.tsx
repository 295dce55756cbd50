// The sheet of keyboard shortcuts.

import type { ReactElement } from "react";

import { Dialog } from "../ui/dialog.tsx";
import { useStore } from "../ui/store.ts";
import { SHEET } from "./keys.ts";
import type { Workspace } from "./workspace.ts";

export const Shortcuts = ({ workspace }: { readonly workspace: Workspace }): ReactElement => {
  const { help } = useStore(workspace.view);
  return (
    <Dialog title="Keyboard" open={help} onClose={() => workspace.showHelp(false)}>
      <div className="sheet-columns">
        {SHEET.map(({ title, rows }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl className="keys">
              {rows.map(([keys, does]) => (
                <div key={keys}>
                  <dt>{does}</dt>
                  <dd>
                    <kbd>{keys}</kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
};
