// Who is on this document.

import type { FormEvent, ReactElement } from "react";
import { useRef, useState } from "react";

import { Dialog } from "../ui/dialog.tsx";
import { useStore } from "../ui/store.ts";
import { MAX_NAME } from "./model.ts";
import type { Person } from "./person.ts";
import { initials } from "./person.ts";
import type { Presence } from "./presence.ts";
import { inkOn } from "./read.ts";

/** More people than this are counted, not shown. */
const SHOWN = 5;

const Avatar = ({ person }: { readonly person: Person }): ReactElement => (
  <span
    className="avatar"
    role="img"
    aria-label={person.name}
    title={person.name}
    style={{ backgroundColor: person.color, color: inkOn(person.color) }}
  >
    {initials(person.name)}
  </span>
);

export const People = ({ presence }: { readonly presence: Presence }): ReactElement => {
  const peers = useStore(presence.peers);
  const self = useStore(presence.self);
  const [naming, setNaming] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    presence.rename(field.current?.value ?? "");
    setNaming(false);
  };

  return (
    <div className="people">
      <ul aria-label="People on this document">
        {peers.slice(0, SHOWN).map((peer) => (
          <li key={peer.client}>
            <Avatar person={peer.user} />
          </li>
        ))}
        {peers.length > SHOWN && <li className="more">+{peers.length - SHOWN}</li>}
      </ul>
      <button type="button" className="self" title={self.name} onClick={() => setNaming(true)}>
        <span className="avatar" style={{ backgroundColor: self.color, color: inkOn(self.color) }}>
          {initials(self.name)}
        </span>
        <span className="unseen">, you are {self.name}. Change your name</span>
      </button>
      <Dialog title="Your name" open={naming} onClose={() => setNaming(false)}>
        <form className="stack" onSubmit={onSubmit}>
          <div className="field wide">
            <label htmlFor="own-name">Others see it beside your pointer</label>
            <input
              ref={field}
              id="own-name"
              className="input"
              defaultValue={self.name}
              maxLength={MAX_NAME}
              required
              autoFocus
            />
          </div>
          <button type="submit" className="button primary">
            Save
          </button>
        </form>
      </Dialog>
    </div>
  );
};
