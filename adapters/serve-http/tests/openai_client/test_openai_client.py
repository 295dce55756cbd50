"""The official `openai` client works unmodified against a running server.

`MAILY_URL` is the server, without `/v1`; `MAILY_MODEL` is a model that it serves, `default` if absent.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

openai = pytest.importorskip("openai", reason="needs the pip package `openai`")

URL = os.environ.get("MAILY_URL", "")
MODEL = os.environ.get("MAILY_MODEL", "default")

pytestmark = pytest.mark.skipif(not URL, reason="needs MAILY_URL, the address of a running server")


@pytest.fixture(scope="module")
def client() -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=os.environ.get("MAILY_KEY", "none"), timeout=120)


def say(client: openai.OpenAI, text: str, **options: object) -> object:
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=MODEL, messages=messages, max_tokens=12, **options)


def test_chat_answers(client: openai.OpenAI) -> None:
    answer = say(client, "Say hello to the world.")

    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens > answer.usage.completion_tokens > 0


def test_chat_streams(client: openai.OpenAI) -> None:
    chunks = list(say(client, "Say hello to the world.", stream=True, stream_options={"include_usage": True}))

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.strip()
    assert len(chunks) > 3
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.usage for chunk in chunks if chunk.usage][-1].completion_tokens > 0


def test_stream_can_be_left(client: openai.OpenAI) -> None:
    for _ in range(4):
        stream = say(client, "Say hello to the world.", stream=True)
        next(iter(stream))
        stream.close()

    assert say(client, "Still there?").choices[0].message.content


def test_unknown_fields_are_passed_on(client: openai.OpenAI) -> None:
    answer = say(client, "Hi there", seed=12345678901234567, extra_body={"x_maily": {"deep": [1, {"a": None}]}})

    assert answer.choices[0].message.content


def test_sixteen_streams_at_once(client: openai.OpenAI) -> None:
    def length(_: int) -> int:
        return sum(1 for _ in say(client, "Say hello to the world.", stream=True))

    with ThreadPoolExecutor(16) as pool:
        assert all(count > 2 for count in pool.map(length, range(16)))


def test_models_are_listed(client: openai.OpenAI) -> None:
    models = [model.id for model in client.models.list()]

    assert models
    assert client.models.retrieve(models[0]).id == models[0]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such-model")


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Hi"}])

    assert caught.value.code == "model-not-found"
    assert caught.value.body["message"] == "no node serves this model"


def test_prompt_without_messages_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[])

    assert caught.value.code == "prompt-invalid"
    assert caught.value.param == "/messages"


def test_embeddings_have_length_one(client: openai.OpenAI) -> None:
    try:
        answer = client.embeddings.create(model="default", input=["spring sale", "kettle"])
    except openai.InternalServerError as err:
        assert err.code == "embedder-missing"
        pytest.skip("this server has no embedder")

    assert [item.index for item in answer.data] == [0, 1]
    for item in answer.data:
        assert abs(sum(value * value for value in item.embedding) - 1.0) < 1e-3
