// A native modal dialog: the browser keeps the focus inside, closes on Escape, and gives the focus back.

import type { MouseEvent, ReactElement, ReactNode } from "react";
import { useEffect, useId, useRef } from "react";

import { Icon } from "./icon.tsx";

interface Props {
  readonly title: string;
  readonly open: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export const Dialog = ({ title, open, onClose, children }: Props): ReactElement => {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    const dialog = ref.current;
    if (open && !dialog?.open) dialog?.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);

  // The backdrop belongs to the dialog; everything inside belongs to the panel.
  const onBackdrop = (event: MouseEvent): void => {
    if (event.target === ref.current) onClose();
  };

  return (
    <dialog ref={ref} className="dialog" aria-labelledby={id} onClose={onClose} onClick={onBackdrop}>
      <div className="dialog-panel">
        <header className="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {open ? children : null}
      </div>
    </dialog>
  );
};
