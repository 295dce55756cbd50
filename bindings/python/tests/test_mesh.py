"""The mesh: prompts over nodes, streamed and not, blocking and not."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import maily.mesh_config
from maily.errors import Invalid, MailyError, NotFound, Throttled, Unauthorized, Unavailable
from maily.mesh import AsyncMesh, Mesh, default_config, read_config
from maily.mesh_config import MeshConfig, NodeConfig


@pytest.fixture
def mesh() -> Mesh:
    mesh = Mesh()
    mesh.add_node("local", "echo:", models=["small"])
    return mesh


def test_complete_answers(mesh: Mesh) -> None:
    answer = mesh.complete("Hello you")

    assert answer.text == "Hello you"
    assert answer.finish == "stop"
    assert answer.node == "local"
    assert answer.completion_tokens == 2


def test_stream_gives_token_by_token(mesh: Mesh) -> None:
    assert list(mesh.stream("Hello you two")) == ["Hello ", "you ", "two"]


def test_max_tokens_bounds_the_answer(mesh: Mesh) -> None:
    answer = mesh.complete("one two three", max_tokens=2)

    assert (answer.text, answer.finish) == ("one two ", "length")


def test_whole_body_stays_as_it_is(mesh: Mesh) -> None:
    body = {"model": "small", "messages": [{"role": "user", "content": "Hi"}], "seed": 12345678901234567}

    assert mesh.complete(json.dumps(body).encode()).text == "Hi"


def test_unknown_model_is_not_found(mesh: Mesh) -> None:
    with pytest.raises(NotFound, match="no node serves this model"):
        mesh.complete("Hi", model="other")


def test_scheme_that_nobody_offers_is_invalid(mesh: Mesh) -> None:
    with pytest.raises(Invalid) as caught:
        mesh.add_node("smoke", "smoke:signal")

    assert "candle" in str(caught.value)


def test_dead_node_is_unavailable() -> None:
    mesh = Mesh()
    mesh.add_node("dead", "http://127.0.0.1:9/v1")

    with pytest.raises(Unavailable) as caught:
        mesh.complete("Hi")
    assert not caught.value.temporary, "the retries are spent"


def test_what_is_remembered_is_recalled_and_forgotten(mesh: Mesh) -> None:
    name = mesh.remember("The spring sale begins on Monday")

    assert [found.id for found in mesh.search("spring sale", limit=1)] == [name]
    answer = mesh.complete("When does the spring sale begin?")
    assert [memory.text for memory in answer.recalled] == ["The spring sale begins on Monday"]
    assert mesh.forget(name)
    assert not mesh.forget(name)


def test_memories_end_are_listed_and_forgotten_together(mesh: Mesh) -> None:
    names = [mesh.remember(f"note {number}", ttl=3600) for number in range(3)]

    first = mesh.memories(limit=2)
    assert [memory.id for memory in first] == names[:2]
    assert [memory.id for memory in mesh.memories(after=first[-1].id)] == names[2:]
    assert first[0].ends is not None and abs(first[0].ends - first[0].created - 3600) < 1
    for ttl in (0, -1, float("nan")):
        with pytest.raises(Invalid):
            mesh.remember("never", ttl=ttl)
    assert mesh.forget_all() == 3
    assert mesh.memories() == []


def test_async_mesh_answers_and_streams() -> None:
    async def run() -> None:
        mesh = AsyncMesh()
        mesh.add_node("local", "echo:")
        answers = await asyncio.gather(*(mesh.complete(f"Hello {number}") for number in range(10)))
        assert [answer.text for answer in answers] == [f"Hello {number}" for number in range(10)]

        assert [token async for token in mesh.stream("Hello you")] == ["Hello ", "you"]
        with pytest.raises(NotFound):
            mesh = AsyncMesh()
            mesh.add_node("local", "echo:", models=["small"])
            async for _ in mesh.stream("Hi", model="other"):
                pass

    asyncio.run(run())


def test_key_spends_what_it_may_and_no_more(mesh: Mesh) -> None:
    mesh.keys.add("team-a", requests_per_minute=2, budget_micros=1_000_000, per="day", priority="batch")
    mesh.keys.set_price("default", 1.0, 2.0)

    assert mesh.complete("Hello you", key="team-a", max_tokens=10).text == "Hello you"
    assert list(mesh.stream("Hello you", key="team-a", max_tokens=10)) == ["Hello ", "you"]
    with pytest.raises(Throttled) as caught:
        mesh.complete("Hello", key="team-a")

    assert caught.value.code == "key-limit"
    assert caught.value.temporary
    usage = mesh.keys.usage()[0]
    assert (usage.key, usage.requests, usage.running, usage.priority) == ("team-a", 2, 0, "batch")
    assert usage.cost_micros > 0
    budget = next(limit for limit in usage.limits if limit.unit == "micros")
    assert (budget.per, budget.spent, budget.reserved) == ("day", usage.cost_micros, 0)
    assert budget.spent + budget.remaining == budget.limit
    assert mesh.complete("Hello").text == "Hello", "a prompt without a key has no limit"


def test_wrong_key_is_refused(mesh: Mesh) -> None:
    cases: list[dict[str, Any]] = [{"requests_per_minute": 0}, {"per": "week"}, {"priority": "urgent"}]
    for wrong in cases:
        with pytest.raises(Invalid):
            mesh.keys.add("team-a", **wrong)
    with pytest.raises(Unauthorized):
        mesh.complete("Hello", key="nobody")
    assert not mesh.keys.remove("team-a")


def test_local_model_writes() -> None:
    cache = os.environ.get("MAILY_CACHE") or Path.home() / ".cache" / "maily"
    model = Path(cache) / "smollm2-135m-instruct-q4_1.gguf"
    if not model.exists():
        pytest.skip(f"needs {model}; `cargo xtask demo` fetches it")
    mesh = Mesh()
    mesh.add_node("local", f"candle:{model}")

    assert "".join(mesh.stream("Say hello.", max_tokens=8)).strip()


def test_equal_prompts_are_answered_from_memory() -> None:
    mesh = Mesh(cache=True)
    mesh.add_node("local", "echo:")

    first, again = (mesh.complete("Hello", temperature=0) for _ in range(2))

    assert (first.cached, again.cached) == ("miss", "hit")
    assert again.text == first.text


def test_similar_prompts_are_answered_from_memory_under_a_bound() -> None:
    mesh = Mesh(max_wrong=0.05)
    mesh.add_node("local", "echo:")

    prompts = [f"Hello to reader {number} of our summer letter" for number in range(200)]
    answers = [mesh.complete(prompt, temperature=0, max_tokens=1) for prompt in prompts]

    assert {answer.text for answer in answers} == {"Hello "}
    assert sum(answer.cached == "similar" for answer in answers) > 50
    for bound in (0.0, 0.6, float("nan")):
        with pytest.raises(Invalid):
            Mesh(max_wrong=bound)


def typed(config: dict[str, Any], types: Any, at: str = "") -> None:
    """Compares settings with the types that are written by hand, section by section."""
    known: dict[str, Any] = {}
    for one in reversed(types.__mro__ if hasattr(types, "__mro__") else [types]):
        known.update(getattr(one, "__annotations__", {}))
    assert set(config) <= set(known), f"{at}: {set(config) ^ set(known)}"
    # What is never written is a secret, or absent unless it is set.
    absent = {"key", "secret", "sha256", "advertise", "zone"}
    assert set(known) - set(config) <= absent, f"{at}: {set(known) - set(config)}"
    for name, value in config.items():
        section = getattr(maily.mesh_config, str(known[name]).removeprefix("ForwardRef('").partition("'")[0], None)
        if isinstance(value, dict) and section is not None:
            typed(value, section, f"{at}/{name}")


def test_types_of_the_settings_are_those_of_rust() -> None:
    defaults: Any = default_config()

    typed(defaults, MeshConfig)
    assert defaults["deadline"]["first_token_ms"] == 60_000
    assert Mesh(config=defaults).nodes() == []


def test_every_setting_of_a_node_can_be_given_both_ways() -> None:
    node: NodeConfig = {
        "name": "a",
        "url": "echo:",
        "models": ["m"],
        "rename": {"m": "M"},
        "native": ["chat", "responses"],
        "counts": ["responses"],
        "connect_ms": 100,
        "key": "k",
        "weight": 2.0,
        "canary_pct": 10.0,
        "capacity": 3,
        "price": 0.5,
        "zone": "z",
    }
    given = {name: value for name, value in node.items() if name not in ("name", "url")}
    assert set(NodeConfig.__annotations__) | {"name", "url"} == set(node)

    listed, added = Mesh(nodes=[node]), Mesh()
    added.add_node("a", "echo:", **given)  # type: ignore[arg-type]

    for mesh in (listed, added):
        (status,) = mesh.nodes()
        assert (status.weight, status.canary_pct, status.capacity, status.price, status.zone) == (2.0, 10.0, 3, 0.5, "z")
        assert (status.models, status.breaker, status.available, status.draining) == (["m"], "closed", True, False)


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"retries": 2}, "/retries"),
        ({"retry": {"attempts": 0}}, "/retry/attempts"),
        ({"retry": {"attempts": "two"}}, "/retry/attempts"),
        ({"retry": {"attempts": -1}}, "/retry/attempts"),
        ({"retry": {"attempts": 2**70}}, "/retry/attempts"),
        ({"nodes": [{"name": "a", "url": "echo:"}, {"name": "b"}]}, "/nodes/1"),
        ({"nodes": [{"name": "a", "url": "echo:", "weight": 0.0}]}, "/nodes/0/weight"),
        ({"nodes": [{"name": "a", "url": "echo:", "counts": ["chat"]}]}, "/nodes/0/counts"),
        ({"cache": {"similar": {"max_wrong": 0.6}}}, "/cache/similar/max_wrong"),
        ({"deadline": {"total_ms": 3_600_001}}, "/deadline/total_ms"),
        ({"balance": {"load_factor": 0.5}}, "/balance/load_factor"),
        ({"limit": {"keys": [{"name": "a", "concurrent": 0}]}}, "/limit/keys/0/concurrent"),
    ],
)
def test_wrong_setting_is_refused_by_its_place(config: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        Mesh(config=config)

    assert caught.value.code == "config-invalid"
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


@pytest.mark.parametrize(
    "config", [{"retry": {1, 2}}, {"retry": object()}, {"balance": {"load_factor": float("nan")}}, 7, "x", []]
)
def test_what_is_no_settings_is_refused(config: Any) -> None:
    with pytest.raises(MailyError) as caught:
        Mesh(config=config)
    assert caught.value.code == "config-invalid"


def test_settings_are_read_from_a_file_of_the_server(tmp_path: Path) -> None:
    file = tmp_path / "maily.toml"
    file.write_text('[server]\nlisten = "127.0.0.1:0"\n[mesh.retry]\nattempts = 2\n[[mesh.nodes]]\nname = "a"\nurl = "echo:"\n')

    config = read_config(file)

    assert config == {"retry": {"attempts": 2}, "nodes": [{"name": "a", "url": "echo:"}]}
    assert Mesh(config=config).complete("Hi").node == "a"
    file.write_text("[mesh.retry]\nattempts = 0\n")
    with pytest.raises(Invalid):
        read_config(file)
    with pytest.raises(MailyError) as missing:
        read_config(tmp_path / "none.toml")
    assert missing.value.code == "config-unreadable"


def test_nodes_are_drained_and_removed_at_run_time(mesh: Mesh) -> None:
    mesh.add_node("second", "echo:second ", models=["small"])

    assert mesh.drain_node("local")
    assert [(node.name, node.draining) for node in mesh.nodes()] == [("local", True), ("second", False)]
    assert {mesh.complete("Hi", model="small").node for _ in range(10)} == {"second"}
    assert mesh.undrain_node("local")
    assert [node.available for node in mesh.nodes()] == [True, True]
    assert mesh.remove_node("local")
    assert not mesh.remove_node("local")
    assert not mesh.drain_node("local")
    (second,) = mesh.nodes()
    assert (second.prompts, second.first_byte.count, second.duration.count) == (10, 10, 10)
    assert 0.0 <= second.duration.p50_ms <= second.duration.p99_ms


def test_nodes_come_from_a_file_and_go_with_it(tmp_path: Path, mesh: Mesh) -> None:
    file = tmp_path / "nodes.toml"
    file.write_text('[[nodes]]\nname = "filed"\nurl = "echo:"\n')
    mesh.follow_file(file, every=0.01)

    def wait(names: list[str]) -> None:
        deadline = time.monotonic() + 20
        while [node.name for node in mesh.nodes()] != names:
            assert time.monotonic() < deadline, [node.name for node in mesh.nodes()]
            time.sleep(0.01)

    wait(["local", "filed"])
    assert [node.source for node in mesh.nodes()] == ["static", "file"]
    file.write_text("nodes = []\n")
    wait(["local"])
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(Invalid):
            mesh.follow_file(file, every=wrong)
    with pytest.raises(Invalid):
        mesh.follow_kubernetes({"service": "no name"})


def test_tenants_do_not_share_memories(mesh: Mesh) -> None:
    mesh.remember("The spring sale begins on Monday", tenant="acme")

    def asked(tenant: str | None) -> int:
        return len(mesh.complete("When does the spring sale begin?", tenant=tenant).recalled)

    assert (asked("acme"), asked("other"), asked(None)) == (1, 0, 0)
    assert (len(mesh.search("spring sale", tenant="acme")), mesh.search("spring sale")) == (1, [])
    assert (len(mesh.memories(tenant="acme")), mesh.memories()) == (1, [])
    assert (mesh.forget_all(), mesh.forget_all(tenant="acme")) == (0, 1)
    with pytest.raises(Invalid):
        mesh.complete("Hi", tenant="t" * 257)


def test_memories_in_a_file_outlive_the_mesh(tmp_path: Path) -> None:
    file = tmp_path / "memories.redb"
    first = Mesh(archive=file)
    name = first.remember("The spring sale begins on Monday")
    del first

    deadline = time.monotonic() + 20
    while True:
        try:
            again = Mesh(archive=file)
            break
        except MailyError:
            # The tasks of the first one end on their own threads.
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert [(found.id, found.text) for found in again.search("spring sale")] == [(name, "The spring sale begins on Monday")]


def test_texts_become_vectors(mesh: Mesh) -> None:
    same, again, other = mesh.embed(["spring sale", "spring sale", "winter"])

    assert same == again != other
    assert abs(sum(value * value for value in same) - 1.0) < 1e-3
    for wrong in ([], ["x" * 65_537], ["x"] * 2049):
        with pytest.raises(MailyError):
            mesh.embed(wrong)


def test_asynchronous_twin_has_the_same_methods_and_answers() -> None:
    names = {name for name in dir(Mesh) if not name.startswith("__")}
    assert names == {name for name in dir(AsyncMesh) if not name.startswith("__")}
    for name in names - {"keys"}:
        assert inspect.signature(getattr(Mesh, name)) == inspect.signature(getattr(AsyncMesh, name)), name

    async def run() -> list[Any]:
        mesh = AsyncMesh(nodes=[{"name": "local", "url": "echo:"}])
        name = await mesh.remember("a note")
        return [
            (await mesh.complete("Hello you")).text,
            [piece async for piece in mesh.stream("Hello you")],
            [memory.text for memory in await mesh.memories()],
            [memory.text for memory in await mesh.search("note")],
            await mesh.embed(["Hi"]),
            await mesh.forget(name),
            await mesh.forget_all(),
            mesh.models(),
        ]

    mesh = Mesh(nodes=[{"name": "local", "url": "echo:"}])
    name = mesh.remember("a note")
    blocking = [
        mesh.complete("Hello you").text,
        list(mesh.stream("Hello you")),
        [memory.text for memory in mesh.memories()],
        [memory.text for memory in mesh.search("note")],
        mesh.embed(["Hi"]),
        mesh.forget(name),
        mesh.forget_all(),
        mesh.models(),
    ]
    assert asyncio.run(run()) == blocking


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0.0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"temperature": float("nan")},
        {"priority": "urgent"},
        {"caching": "maybe"},
        {"betas": ["two words"]},
        {"format": "messages"},
        {"format": "morse"},
    ],
)
def test_wrong_option_is_refused(mesh: Mesh, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        mesh.complete("Hi", **wrong)
    with pytest.raises(Invalid):
        mesh.stream("Hi", **wrong)


def test_option_that_does_not_exist_or_has_the_wrong_type_is_a_type_error(mesh: Mesh) -> None:
    untyped: Any = mesh
    for wrong in ({"modell": "m"}, {"max_tokens": "5"}, {"model": 7}, {"timeout": "soon"}):
        with pytest.raises(TypeError, match=next(iter(wrong))):
            untyped.complete("Hi", **wrong)
    with pytest.raises(OverflowError):
        untyped.complete("Hi", max_tokens=2**40)
    with pytest.raises(TypeError):
        untyped.complete(7)


def test_hostile_prompts_are_refused_or_answered(mesh: Mesh) -> None:
    for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"model":1}', b"null", b'{"model":"m","messages":[]}', b"[" * 100_000):
        with pytest.raises(MailyError):
            mesh.complete(body)
    with pytest.raises(MailyError) as large:
        mesh.complete(b" " * (32 * 1024 * 1024 + 1))
    assert large.value.code == "prompt-too-large"
    for text in ("", "\0", '"}]}', "\N{PILE OF POO}" * 1000):
        assert mesh.complete(text).text == text
    assert mesh.complete("Hi", timeout=1e18).text == "Hi"


def test_caching_of_a_call_is_as_it_says() -> None:
    mesh = Mesh(config={"cache": {"enabled": True}}, nodes=[{"name": "local", "url": "echo:"}])

    ways: list[Any] = ["use", "use", "refresh", "off"]
    assert [mesh.complete("Hi", temperature=0, caching=way).cached for way in ways] == ["miss", "hit", "refresh", None]


def test_stream_is_read_as_text_or_as_bytes_not_both(mesh: Mesh) -> None:
    stream = mesh.stream("Hello you")
    assert next(stream) == "Hello "
    with pytest.raises(Invalid, match="not both"):
        next(stream.chunks())
