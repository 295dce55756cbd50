"""The mesh over real sockets: streams, events, cancellation, faults, and many at once."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from node import DONE, Asked, chunk, serve, whole, words

from maily.errors import Invalid, MailyError, Timeout, Unavailable
from maily.mesh import (
    AsyncMesh,
    Event,
    Finish,
    Mesh,
    Reasoning,
    Resumed,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from maily.trace import Trace, use

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}


def mesh_of(url: str, **config: Any) -> Mesh:
    return Mesh(config=config, nodes=[{"name": "far", "url": url}])  # type: ignore[arg-type]


def rich(asked: Asked) -> Iterator[Any]:
    """A thought, a text, and a call of a tool."""
    del asked
    yield chunk({"role": "assistant", "reasoning_content": "Let me see."})
    yield chunk({"content": "It rains"})
    call = {"index": 0, "id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"at":'}}
    yield chunk({"tool_calls": [call]})
    yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Bern"}'}}]})
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    yield chunk(finish="tool_calls", usage=usage)
    yield DONE


def endless(asked: Asked) -> Iterator[Any]:
    """Talks until the caller leaves."""
    for number in range(20_000):
        yield chunk({"content": f"{number} "})
        if asked.left.wait(0.002):
            return


def summary(event: Event) -> tuple[Any, ...]:
    match event:
        case Text(text):
            return ("text", text)
        case Reasoning(text):
            return ("reasoning", text)
        case ToolCall(index, id, name):
            return ("call", index, id, name)
        case ToolArguments(index, piece):
            return ("arguments", index, piece)
        case Finish(reason):
            return ("finish", reason)
        case Usage(prompt, completion):
            return ("usage", prompt, completion)
        case Resumed(after, node):
            return ("resumed", after, node)
        case _:
            return ("other",)


RICH = [
    ("reasoning", "Let me see."),
    ("text", "It rains"),
    ("call", 0, "call-1", "weather"),
    ("arguments", 0, '{"at":'),
    ("arguments", 0, '"Bern"}'),
    ("finish", "tool_calls"),
    ("usage", 7, 5),
]


def test_events_of_a_stream_are_typed_and_the_answer_holds_them_all() -> None:
    with serve(rich) as node:
        stream = mesh_of(node.url).stream("Weather?", model="m")
        events = [summary(event) for event in stream.events()]

    assert events == RICH
    answer = stream.answer
    assert (answer.text, answer.finish, answer.node) == ("It rains", "tool_calls", "far")
    assert [thought.text for thought in answer.thoughts] == ["Let me see."]
    (call,) = answer.tool_calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("call-1", "weather", {"at": "Bern"})
    assert answer.usage is not None
    assert (answer.usage.total_tokens, answer.usage.cached_tokens, answer.usage.reasoning_tokens) == (12, 4, 2)
    assert node.asked[0].body["stream"] is True


def test_asynchronous_events_are_the_same() -> None:
    async def main(url: str) -> list[tuple[Any, ...]]:
        mesh = AsyncMesh(nodes=[{"name": "far", "url": url}])
        return [summary(event) async for event in mesh.stream("Weather?", model="m").events()]

    with serve(rich) as node:
        assert asyncio.run(main(node.url)) == RICH


def test_text_alone_leaves_the_rest_out() -> None:
    with serve(rich) as node:
        assert list(mesh_of(node.url).stream("Weather?", model="m")) == ["It rains"]


def test_whole_answer_has_calls_thoughts_usage_and_headers() -> None:
    call = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    script = whole({**ANSWER, "choices": [choice], "usage": usage}, x_request_id="r-1")
    with serve(script) as node:
        answer = mesh_of(node.url).complete("Weather?", model="m")

    assert (answer.text, answer.finish) == ("", "tool_calls")
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("weather", "{}")]
    assert [thought.text for thought in answer.thoughts] == ["Hm."]
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.body is None, "nobody who asks with a text wants the wire"


def test_bytes_are_streamed_when_a_stream_is_asked_for() -> None:
    with serve(words("Hel", "lo")) as node:
        pieces = list(mesh_of(node.url).stream(json.dumps({**CHAT, "stream": False}).encode()))

    assert pieces == ["Hel", "lo"]
    assert node.asked[0].body["stream"] is True


def test_bytes_take_model_and_rules_and_keep_every_other_field() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}
    with serve(whole({**ANSWER, "choices": [choice]})) as node:
        body = json.dumps({**CHAT, "seed": 12345678901234567, "unknown": {"x": [1]}}).encode()
        answer = mesh_of(node.url).complete(body, model="other", system="Be brief.")

    asked = node.asked[0].body
    assert asked["model"] == "other"
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (asked["seed"], asked["unknown"]) == (12345678901234567, {"x": [1]})
    assert answer.body is not None and json.loads(answer.body)["choices"] == [choice]


@pytest.mark.parametrize("wrong", [{"max_tokens": 5}, {"temperature": 0.5}])
def test_what_a_whole_body_says_itself_is_refused_as_a_keyword(wrong: dict[str, Any]) -> None:
    mesh = Mesh(nodes=[{"name": "local", "url": "echo:"}])
    with pytest.raises(Invalid, match="says `max_tokens` and `temperature` itself"):
        mesh.complete(json.dumps(CHAT).encode(), **wrong)
    with pytest.raises(Invalid):
        mesh.stream(json.dumps(CHAT).encode(), **wrong)


def test_messages_and_responses_come_back_in_their_own_format() -> None:
    mesh = Mesh(nodes=[{"name": "local", "url": "echo:"}])
    messages = json.dumps({**CHAT, "max_tokens": 9}).encode()
    responses = json.dumps({"model": "m", "input": "Hi"}).encode()
    completions = json.dumps({"model": "m", "prompt": "Hi"}).encode()

    answers = {
        "messages": mesh.complete(messages, format="messages"),
        "responses": mesh.complete(responses, format="responses"),
        "completions": mesh.complete(completions, format="completions"),
    }

    assert {answer.text for answer in answers.values()} == {"Hi"}
    bodies = {name: json.loads(answer.body or b"") for name, answer in answers.items()}
    assert bodies["messages"]["content"] == [{"type": "text", "text": "Hi"}]
    assert bodies["responses"]["object"] == "response"
    assert bodies["completions"]["choices"][0]["text"] == "Hi"
    raw = b"".join(mesh.stream(messages, format="messages").chunks())
    assert raw.startswith(b"event: message_start\n") and b"event: message_stop\n" in raw


def test_node_of_messages_is_asked_in_messages() -> None:
    content = [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}, {"type": "text", "text": "Yes"}]
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    with serve(whole(body)) as node:
        mesh = Mesh(nodes=[{"name": "claude", "url": f"anthropic+{node.url}", "key": "k-1"}])
        answer = mesh.complete("Hi", model="m", max_tokens=5, betas=["context-1m", "skills"])

    assert (answer.text, answer.finish, answer.thoughts[0].signature) == ("Yes", "stop", "sig")
    assert node.asked[0].path == "/v1/messages"
    assert node.asked[0].headers["x-api-key"] == "k-1"
    assert node.asked[0].headers["anthropic-beta"] == "context-1m,skills"


def test_stream_that_breaks_off_goes_on_and_says_where() -> None:
    asked_so_far: list[Asked] = []

    def cut_once(asked: Asked) -> Iterator[Any]:
        asked_so_far.append(asked)
        if len(asked_so_far) > 1:
            yield from words("three")(asked)
            return
        yield chunk({"content": "One, "})
        yield chunk({"content": "two, "})

    with serve(cut_once) as node:
        stream = mesh_of(node.url).stream("Count", model="m")
        events = [summary(event) for event in stream.events()]

    assert [event for event in events if event[0] in ("text", "resumed")] == [
        ("text", "One, "),
        ("text", "two, "),
        ("resumed", 2, "far"),
        ("text", "three"),
    ]
    assert (stream.answer.text, stream.answer.node, stream.answer.attempt) == ("One, two, three", "far", 2)
    assert node.asked[1].body["messages"][-1]["role"] == "assistant"


def test_reader_comes_back_behind_the_last_event_that_he_has() -> None:
    with serve(words("One, ", "two, ", "three")) as node:
        mesh = mesh_of(node.url)
        stream = mesh.stream("Count", model="m", resumable=True)
        first = next(stream)
        last = stream.last_event_id
        assert last is not None
        stream.close()
        rest = list(mesh.stream("Count", model="m", last_event_id=last))

    assert "".join([first, *rest]) == "One, two, three"
    with pytest.raises(MailyError) as gone:
        next(mesh.stream("Count", model="m", last_event_id="abc-1"))
    assert gone.value.code == "stream-gone"


def test_call_that_takes_too_long_ends_at_its_timeout() -> None:
    def silent(asked: Asked) -> Iterator[Any]:
        asked.left.wait(20)
        yield DONE

    with serve(silent) as node:
        mesh = mesh_of(node.url)
        start = time.monotonic()
        with pytest.raises(Timeout):
            mesh.complete("Hi", model="m", timeout=0.2)
        assert time.monotonic() - start < 10
        with pytest.raises(Timeout):
            list(mesh.stream("Hi", model="m", timeout=0.2))
        for asked in node.asked:
            asked.left.set()


def test_silent_node_is_left_at_the_deadline_of_the_settings() -> None:
    def silent(asked: Asked) -> Iterator[Any]:
        yield chunk({"content": "One"})
        asked.left.wait(20)
        yield DONE

    with serve(silent) as node:
        mesh = mesh_of(node.url, deadline={"between_ms": 100}, retry={"attempts": 1}, resume={"attempts": 0})
        stream = mesh.stream("Hi", model="m")
        assert next(stream) == "One"
        with pytest.raises(Timeout):
            next(stream)
        assert list(stream) == [], "a stream that failed has ended"
        for asked in node.asked:
            asked.left.set()


def test_trace_of_the_caller_reaches_the_node() -> None:
    parent = Trace.root()
    with serve(words("Hi")) as node:
        mesh = mesh_of(node.url)
        list(mesh.stream("Hi", model="m", trace=parent))
        list(mesh.stream("Hi", model="m", trace=str(parent)))
        with use(parent):
            list(mesh.stream("Hi", model="m"))

    ids = [asked.headers["traceparent"].split("-")[1] for asked in node.asked]
    assert ids == [parent.trace_id] * 3


def test_node_is_told_when_an_asynchronous_stream_is_canceled() -> None:
    async def main(url: str) -> int:
        mesh = AsyncMesh(nodes=[{"name": "far", "url": url}])
        taken = 0
        begun = asyncio.Event()

        async def read() -> None:
            nonlocal taken
            async for _ in mesh.stream("Talk", model="m"):
                taken += 1
                begun.set()

        task = asyncio.create_task(read())
        await asyncio.wait_for(begun.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return taken

    with serve(endless) as node:
        assert asyncio.run(main(node.url)) > 0
        assert node.asked[0].left.wait(10)


@pytest.mark.parametrize("how", ["drop", "close", "with", "events"])
def test_half_read_stream_tells_the_node(how: str) -> None:
    with serve(endless) as node:
        mesh = mesh_of(node.url)
        stream = mesh.stream("Talk", model="m")
        if how == "drop":
            assert next(stream)
        elif how == "close":
            assert next(stream)
            stream.close()
            assert list(stream) == []
        elif how == "with":
            with stream as reading:
                assert next(reading)
        else:
            assert next(stream.events())
        del stream
        gc.collect()
        assert node.asked[0].left.wait(10)
        assert len(node.asked) == 1


def test_closing_ends_the_wait_of_another_thread() -> None:
    with serve(endless) as node:
        stream = mesh_of(node.url).stream("Talk", model="m")
        assert next(stream)
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        stream.close()
        reader.join(20)
        assert not reader.is_alive()
        assert node.asked[0].left.wait(10)


def test_other_threads_run_while_a_call_waits() -> None:
    gate = threading.Event()

    def held(asked: Asked) -> Iterator[Any]:
        del asked
        gate.wait(20)
        yield {**ANSWER, "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}

    with serve(held) as node:
        mesh = mesh_of(node.url)
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(mesh.complete("Hi", model="m").text))
        thread.start()
        # The node, this thread and the caller share one interpreter: nothing moves if the call holds it.
        assert node.came.acquire(timeout=20)
        gate.set()
        thread.join(20)

    assert answers == ["Hi"]


def test_many_streams_at_once_have_each_their_own_answer() -> None:
    def named(asked: Asked) -> Iterator[Any]:
        name = asked.body["messages"][-1]["content"]
        yield from (chunk({"content": f"{name}.{part} "}) for part in range(20))
        yield chunk(finish="stop")
        yield DONE

    async def main(url: str) -> list[str]:
        mesh = AsyncMesh(nodes=[{"name": "far", "url": url}])

        async def read(name: int) -> str:
            return "".join([piece async for piece in mesh.stream(str(name), model="m")])

        return await asyncio.gather(*(read(name) for name in range(64)))

    with serve(named) as node:
        texts = asyncio.run(main(node.url))

    assert texts == ["".join(f"{name}.{part} " for part in range(20)) for name in range(64)]


def test_faults_of_a_node_are_exceptions_of_their_kind() -> None:
    def garbage(asked: Asked) -> Iterator[Any]:
        del asked
        yield chunk({"content": "One"})
        yield b"data: {nonsense\n\n"
        yield DONE

    config: dict[str, Any] = {"retry": {"attempts": 1}, "resume": {"attempts": 0}}
    with serve(garbage) as node, pytest.raises(MailyError) as malformed:
        list(mesh_of(node.url, **config).stream("Hi", model="m"))
    with serve(lambda _: iter([500])) as node, pytest.raises(Unavailable):
        mesh_of(node.url, **config).complete("Hi", model="m")
    with serve(lambda _: iter([400])) as node, pytest.raises(MailyError) as refused:
        mesh_of(node.url, **config).complete("Hi", model="m")

    assert malformed.value.code == "stream-malformed"
    assert not refused.value.temporary


def test_long_lines_comments_and_odd_line_ends_lose_nothing() -> None:
    def odd(asked: Asked) -> Iterator[Any]:
        del asked
        yield b": " + b"x" * 5_000 + b"\n\n"
        both = chunk({"content": "One, "}) + chunk({"content": "two, "}).replace(b"\n\n", b"\r\n\r\n")
        for at in range(0, len(both), 7):
            yield both[at : at + 7]
        yield chunk({"content": "t" * 100_000})
        yield chunk(finish="stop")
        yield DONE

    with serve(odd) as node:
        text = "".join(mesh_of(node.url).stream("Hi", model="m"))

    assert text == "One, two, " + "t" * 100_000
