// Asks for the key that the server wants.

import type { FormEvent, ReactElement } from "react";
import { useRef, useState } from "react";

import { Dialog } from "../ui/dialog.tsx";
import { useStore } from "../ui/store.ts";
import type { Access } from "./access.ts";

export const KeyDialog = ({ access }: { readonly access: Access }): ReactElement => {
  const { asking, reason } = useStore(access.need);
  const [trying, setTrying] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  const onSubmit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setTrying(true);
    await access.enter(field.current?.value.trim() ?? "");
    setTrying(false);
    field.current?.select();
  };

  return (
    <Dialog title="This server wants a key" open={asking} onClose={access.dismiss}>
      <form className="stack" onSubmit={(event) => void onSubmit(event)}>
        <p className="quiet">
          It is one of <code>server.keys</code> in the server's settings. This tab keeps it until you close it.
        </p>
        <div className="field wide">
          <label htmlFor="server-key">Key</label>
          <input
            ref={field}
            id="server-key"
            className="input"
            type="password"
            autoComplete="off"
            aria-describedby="server-key-reason"
            aria-invalid={reason !== ""}
            required
            autoFocus
          />
          <p id="server-key-reason" className="wrong" role="alert">
            {reason}
          </p>
        </div>
        <button type="submit" className="button primary" disabled={trying}>
          Open
        </button>
      </form>
    </Dialog>
  );
};
