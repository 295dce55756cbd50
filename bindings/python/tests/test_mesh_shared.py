"""What processes share: what a key may spend, over a real server and over gossip on real sockets; and streams."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from node import DONE, Asked, chunk, serve
from spender import PROMPT

from maily.errors import Invalid, Throttled
from maily.mesh import AsyncMesh, Mesh
from maily.mesh_config import LimitConfig, MeshConfig
from maily.redis import Store

BUDGET = 20_000
LEASE = BUDGET // 16
POT = "account:team-a/micros/total/0"
# A token costs a millionth, so that what was spent can be counted by hand.
LIMIT: LimitConfig = {
    "keys": [{"name": "team-a", "budget_micros": BUDGET}],
    "prices": [{"model": "default", "input": 1.0, "output": 1.0}],
}


class Spender:
    """Another process, which spends what it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.spent = 0
        self.refused: str | None = None

    def tell(self, word: str, argument: int | str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word} {argument}\n")
        self.process.stdin.flush()

    def listen(self, until: int | None = None) -> int:
        """Reads until it is done, or has spent so much."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, *argument = line.split()
            if word == "done":
                return self.spent
            if word == "refused":
                self.refused = argument[0]
            else:
                self.spent = int(argument[0])
            if until is not None and self.spent >= until:
                return self.spent
        raise AssertionError("the process has ended")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@contextmanager
def spender(config: MeshConfig, store: str | None = None, url: str = "echo:") -> Iterator[Spender]:
    setup = json.dumps({"config": config, "store": store, "node": {"name": "node", "url": url}})
    command = [sys.executable, str(Path(__file__).with_name("spender.py")), setup]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Spender(process)
        finally:
            process.kill()


def flushed(server: str) -> str:
    """The server, with nothing drawn."""
    Store(server).remove(POT)
    return server


def drawn(store: Store) -> int:
    return int(store.get(POT) or b"0")


def test_two_processes_on_one_server_spend_one_budget_and_no_more(server: str) -> None:
    config: MeshConfig = {"limit": {**LIMIT, "shared": "redis"}}
    with spender(config, flushed(server)) as one, spender(config, server) as two:
        for each in (one, two):
            each.tell("spend", BUDGET)
        spent = [one.listen(), two.listen()]

        print(f"two processes on one server: {spent} of {BUDGET} spent")
        assert (one.refused, two.refused) == ("budget-spent", "budget-spent")
        assert sum(spent) <= BUDGET
        assert sum(spent) >= BUDGET - 2 * LEASE


def test_process_that_is_killed_takes_no_more_than_its_lease_with_it(server: str) -> None:
    config: MeshConfig = {"limit": {**LIMIT, "shared": "redis"}}
    with spender(config, flushed(server)) as one, spender(config, server) as two:
        one.tell("spend", BUDGET)
        before = one.listen(until=LEASE)
        one.process.kill()
        one.process.wait(30)

        two.tell("spend", BUDGET)
        after = two.listen()

        print(f"killed after {before}, the other one spent {after} of {BUDGET}")
        assert before + after <= BUDGET
        # Its lease, what the last answers before the kill were charged, and what is less than a prompt reserves.
        assert before + after >= BUDGET - 3 * LEASE


def test_process_that_ends_gives_back_what_it_drew(server: str) -> None:
    config: MeshConfig = {"limit": {**LIMIT, "shared": "redis"}}
    with spender(config, flushed(server)) as one, spender(config, server) as two:
        one.tell("spend", 1)
        before = one.listen()
        assert drawn(Store(server)) == LEASE
        one.close()

        assert drawn(Store(server)) == before
        two.tell("spend", BUDGET)
        assert BUDGET - 200 <= before + two.listen() <= BUDGET


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def gossiping(name: str, ports: dict[str, int]) -> MeshConfig:
    return {
        "gossip": {
            "key": "5a" * 32,
            "listen": f"127.0.0.1:{ports[name]}",
            "name": name,
            "seeds": [f"127.0.0.1:{port}" for other, port in ports.items() if other != name],
        },
        "limit": {**LIMIT, "shared": "gossip", "owners": list(ports)},
    }


def test_two_processes_of_one_gossip_spend_one_budget_and_no_more() -> None:
    ports = {name: free_udp_port() for name in ("east", "west")}
    with spender(gossiping("east", ports)) as east, spender(gossiping("west", ports)) as west:
        for each, other in ((east, "west"), (west, "east")):
            each.tell("meet", other)
        for each in (east, west):
            each.listen()
        # East needs more than its half, which west gives.
        east.tell("spend", BUDGET)
        assert east.listen(until=BUDGET * 6 // 10) > BUDGET // 2

        west.tell("spend", BUDGET)
        spent = [east.listen(), west.listen()]

        print(f"two processes of one gossip: {spent} of {BUDGET} spent")
        assert sum(spent) <= BUDGET
        assert sum(spent) >= BUDGET - 2 * LEASE


def test_process_alone_in_its_gossip_spends_its_share_and_no_more() -> None:
    ports = {name: free_udp_port() for name in ("east", "west")}
    with spender(gossiping("east", ports)) as east, spender(gossiping("west", ports)) as west:
        for each, other in ((east, "west"), (west, "east")):
            each.tell("meet", other)
        for each in (east, west):
            each.listen()
        west.process.kill()
        west.process.wait(30)

        east.tell("spend", BUDGET)
        spent = east.listen()

        print(f"one of two processes was killed: the other one spent {spent} of {BUDGET}")
        assert BUDGET // 2 - LEASE <= spent <= BUDGET // 2


def spend(mesh: Mesh) -> int:
    """Asks until it is refused; returns how many tokens were spent."""
    spent = 0
    while True:
        try:
            usage = mesh.complete(PROMPT, key="team-a", max_tokens=50).usage
        except Throttled as refused:
            assert refused.code == "budget-spent"
            return spent
        assert usage is not None
        spent += usage.total_tokens


def test_budget_in_a_file_outlives_the_mesh(tmp_path: Path) -> None:
    spent = []
    for _ in range(2):
        with Store(path=tmp_path / "accounts.redb") as store:
            with Mesh(config={"limit": LIMIT}, nodes=[{"name": "local", "url": "echo:"}], accounts=store) as mesh:
                spent.append(spend(mesh))

    assert BUDGET - 200 <= spent[0] <= BUDGET
    assert spent[1] == 0


def test_asynchronous_meshes_share_what_one_store_keeps() -> None:
    store = Store()

    async def run() -> list[int]:
        spent = []
        for _ in range(2):
            async with AsyncMesh(config={"limit": LIMIT}, accounts=store) as mesh:
                mesh.add_node("local", "echo:")
                usage = (await mesh.complete(PROMPT, key="team-a", max_tokens=50)).usage
                assert usage is not None
                spent.append(usage.total_tokens)
                assert mesh.peers() == []
        return spent

    spent = asyncio.run(run())

    assert sum(spent) == drawn(store) > 0


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({"limit": {"shared": "redis"}}, False),
        ({"limit": {"shared": "gossip", "owners": ["east"]}}, False),
        ({"limit": {"shared": "gossip", "owners": ["east"]}, "gossip": {"key": "5a" * 32, "listen": "127.0.0.1:0"}}, True),
        ({"replay": {"shared": True}}, False),
    ],
)
def test_what_is_shared_over_what_is_not_set_up_is_refused(config: Any, url: bool) -> None:
    with pytest.raises(Invalid) as caught:
        Mesh(config=config, accounts=Store("redis://127.0.0.1:1") if url else Store())

    place = "/replay/shared" if "replay" in config else "/limit/shared"
    assert [violation.pointer for violation in caught.value.violations] == [place]


def counting(asked: Asked) -> Iterator[Any]:
    """Says twelve words, from behind those that it has said."""
    last = asked.body["messages"][-1]
    said = last["content"].split() if last["role"] == "assistant" else []
    for number in range(len(said), 12):
        time.sleep(0.02)
        yield chunk({"content": f"w{number} "})
    yield chunk(finish="stop")
    yield DONE


def test_stream_of_a_process_that_is_killed_goes_on_in_another(server: str) -> None:
    text = "".join(f"w{number} " for number in range(12))
    with serve(counting) as node, spender({"replay": {"shared": True}}, server, node.url) as one:
        one.tell("stream", "Count")
        assert one.process.stdout is not None
        heard = [json.loads(next(one.process.stdout)) for _ in range(5)]
        one.process.kill()
        one.process.wait(30)

        with Mesh(nodes=[{"name": "node", "url": node.url}], streams=Store(server)) as mesh:
            rest = list(mesh.stream("Count", last_event_id=heard[-1][1]))

    assert "".join([piece for piece, _ in heard] + rest) == text
