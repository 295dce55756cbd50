"""The mesh: prompts over nodes, streamed and not, blocking and not."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from maily.errors import Invalid, NotFound, Throttled, Unauthorized, Unavailable
from maily.mesh import AsyncMesh, Mesh


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
