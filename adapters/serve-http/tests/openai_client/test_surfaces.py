"""The official `openai` and `anthropic` clients work unmodified on every surface, whatever the node takes.

`MAILY_SERVER` is the binary of the server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scripted_node import ARGUMENTS, WORDS, Node, served  # noqa: E402

openai = pytest.importorskip("openai", reason="needs the pip package `openai`")
anthropic = pytest.importorskip("anthropic", reason="needs the pip package `anthropic`")

pytestmark = pytest.mark.skipif(not os.environ.get("MAILY_SERVER"), reason="needs MAILY_SERVER, a binary")

TEXT = "".join(WORDS)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module", params=["chat", "responses", "messages"])
def native(request: pytest.FixtureRequest) -> str:
    """The only format that the node takes."""
    return request.param


@pytest.fixture(scope="module")
def mesh(native: str) -> Iterator[tuple[str, Node]]:
    with served(native) as address:
        yield address


@pytest.fixture
def oai(mesh: tuple[str, Node]) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{mesh[0]}/v1", api_key="none", timeout=30, max_retries=0)


@pytest.fixture
def claude(mesh: tuple[str, Node]) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=mesh[0], api_key="none", timeout=30, max_retries=0)


def test_responses_answers(oai: openai.OpenAI) -> None:
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]
    answer = oai.responses.create(model="m", instructions="Be brief.", input="use the tool", tools=tools)

    assert answer.status == "completed"
    assert answer.output_text == TEXT
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call"]
    assert answer.output[2].call_id == "call_a"
    assert answer.output[2].arguments == ARGUMENTS
    assert answer.usage.input_tokens_details.cached_tokens == 16
    assert answer.usage.output_tokens_details.reasoning_tokens == 5


def test_responses_streams_typed_events(oai: openai.OpenAI) -> None:
    with oai.responses.stream(model="m", input="use the tool") as stream:
        events = list(stream)
        final = stream.get_final_response()

    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(numbers)
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    for kind in ("output_item.added", "content_part.added", "output_text.done", "function_call_arguments.done"):
        assert f"response.{kind}" in kinds
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert final.output_text == TEXT
    assert final.output[2].arguments == ARGUMENTS


def test_responses_carries_a_conversation_with_tools(oai: openai.OpenAI, mesh: tuple[str, Node]) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Köln?"}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ARGUMENTS},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        {"type": "function_call_output", "call_id": "c2", "output": "sun"},
    ]
    oai.responses.create(model="m", input=items, max_output_tokens=7, extra_body={"x_maily": 12345678901234567})

    seen = mesh[1].seen[-1]
    assert [message["role"] for message in seen["messages"]] == ["user", "assistant", "tool", "tool"]
    assert seen["messages"][1]["tool_calls"][0]["function"]["arguments"] == ARGUMENTS
    assert seen["max_tokens"] == 7
    assert seen["x_maily"] == 12345678901234567


def test_responses_counts_tokens(oai: openai.OpenAI) -> None:
    assert 3 < oai.responses.input_tokens.count(model="m", input="How many tokens are in this?").input_tokens < 40


def test_what_cannot_be_said_names_the_field(oai: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        oai.responses.create(model="m", input="Hi", tools=[{"type": "web_search"}])
    assert caught.value.code in ("prompt-untranslatable", "node-rejected")
    assert caught.value.param == "/tools/0/type"

    container = [{"type": "container_upload", "file_id": "f"}]
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": container}])
    assert "/messages/0/content/0/type" in refused.value.body["error"]["message"]


def test_completions_go_on(oai: openai.OpenAI) -> None:
    assert oai.completions.create(model="m", prompt="Once").choices[0].text == TEXT

    stream = oai.completions.create(model="m", prompt="Once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == TEXT


def test_messages_answers(claude: anthropic.Anthropic, mesh: tuple[str, Node], native: str) -> None:
    raw = claude.messages.with_raw_response.create(
        model="m",
        max_tokens=50,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        tools=[{"name": "weather", "input_schema": SCHEMA}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        messages=[{"role": "user", "content": "use the tool"}],
    )
    answer = raw.parse()

    assert [block.type for block in answer.content] == ["thinking", "text", "tool_use"]
    assert answer.content[1].text == TEXT
    assert answer.content[2].input == {"city": "Köln", "seed": 12345678901234567890}
    assert answer.stop_reason == "tool_use"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (4, 16)
    assert answer._request_id == "req_node"
    if native != "messages":
        # Nodes of messages have other names for limits, and only those are passed on.
        assert raw.headers["x-ratelimit-remaining-tokens"] == "5"
    seen = mesh[1].seen[-1]
    system = seen["messages"][0]["content"]
    if native == "responses":
        # Which has no place for it.
        assert system == "Be brief."
    else:
        assert system[0]["cache_control"] == {"type": "ephemeral"}
    assert seen["tool_choice"] == "required" and seen["parallel_tool_calls"] is False
    assert seen["tools"][0]["function"]["parameters"] == SCHEMA


def test_messages_streams(claude: anthropic.Anthropic) -> None:
    messages = [{"role": "user", "content": "use the tool"}]
    with claude.messages.stream(model="m", max_tokens=50, messages=messages) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()

    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use"]
    assert final.content[0].thinking == "Hm. "
    assert final.content[1].text == TEXT
    assert final.content[2].input == {"city": "Köln", "seed": 12345678901234567890}
    assert final.usage.output_tokens == 11


def test_messages_carries_results_and_pictures(claude: anthropic.Anthropic, mesh: tuple[str, Node]) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    use = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Köln"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rain"}, picture]}
    claude.messages.create(
        model="m",
        max_tokens=9,
        messages=[
            {"role": "user", "content": "Köln?"},
            {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, use]},
            {"role": "user", "content": [result, {"type": "text", "text": "And?"}]},
        ],
    )

    said = mesh[1].seen[-1]["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "user"]
    assert said[2] == {"role": "tool", "tool_call_id": "t1", "content": "rain"}
    assert said[3]["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="


def test_messages_counts_tokens_and_lists_models(claude: anthropic.Anthropic) -> None:
    messages = [{"role": "user", "content": "How many tokens are in this?"}]
    assert 5 < claude.messages.count_tokens(model="m", messages=messages).input_tokens < 40
    assert [model.id for model in claude.models.list()] == ["default"]


def test_errors_are_those_of_the_client(oai: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.create(model="m", max_tokens=9, messages=[])
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "invalid_request_error"

    for create in (
        lambda: oai.responses.create(model="m", input="fail", stream=True),
        lambda: oai.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "fail"}], stream=True
        ),
    ):
        with pytest.raises(openai.OpenAIError):
            list(create())
    with pytest.raises(anthropic.AnthropicError):
        messages = [{"role": "user", "content": "fail"}]
        list(claude.messages.create(model="m", max_tokens=9, messages=messages, stream=True))


def test_thirty_two_streams_of_two_clients_at_once(oai: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    def say(at: int) -> str:
        if at % 2:
            with oai.responses.stream(model="m", input="Hi") as stream:
                return stream.get_final_response().output_text
        with claude.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        ) as stream:
            return stream.get_final_text()

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(say, range(32))) == {TEXT}


# Last: the node is left alone for the seven seconds that it asks for.
def test_throttled_node_passes_on_its_delay(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError) as caught:
        claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "throttle"}])

    assert 0 < int(caught.value.response.headers["retry-after"]) <= 7
    assert caught.value.body["error"]["type"] == "rate_limit_error"
