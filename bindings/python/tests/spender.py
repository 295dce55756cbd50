"""A process with a mesh of its own, which does what it is told; `test_mesh_shared.py` starts it."""

from __future__ import annotations

import json
import sys
import time

from maily.errors import MailyError
from maily.mesh import Mesh
from maily.redis import Store

PROMPT = " ".join(["word"] * 20)


def spend(mesh: Mesh, most: int) -> None:
    """Asks so often, or until it is refused, and says what was spent after each answer."""
    spent = 0
    for _ in range(most):
        try:
            answer = mesh.complete(PROMPT, key="team-a", max_tokens=50)
        except MailyError as refused:
            print(f"refused {refused.code}", flush=True)
            break
        assert answer.usage is not None
        spent += answer.usage.total_tokens
        print(f"spent {spent}", flush=True)
    print("done", flush=True)


def meet(mesh: Mesh, name: str) -> None:
    """Waits until another instance is there."""
    deadline = time.monotonic() + 30
    while (name, "alive") not in [(peer.name, peer.status) for peer in mesh.peers()]:
        assert time.monotonic() < deadline, [(peer.name, peer.status) for peer in mesh.peers()]
        time.sleep(0.01)
    print("done", flush=True)


def stream(mesh: Mesh, text: str) -> None:
    """Says each piece of an answer, and the number of the event that it came with."""
    answer = mesh.stream(text, resumable=True)
    for piece in answer:
        print(json.dumps([piece, answer.last_event_id]), flush=True)


def main() -> None:
    setup = json.loads(sys.argv[1])
    store = Store(setup["store"], timeout=10.0) if setup.get("store") else None
    with Mesh(config=setup["config"], nodes=[setup["node"]], accounts=store, streams=store) as mesh:
        for line in sys.stdin:
            word, argument = line.split()
            if word == "spend":
                spend(mesh, int(argument))
            elif word == "meet":
                meet(mesh, argument)
            else:
                stream(mesh, argument)


if __name__ == "__main__":
    main()
