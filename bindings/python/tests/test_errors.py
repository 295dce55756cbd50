"""The exceptions: one per kind, one catalogue with Rust, and the way back from a problem document."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pydantic
import pytest

from maily import _maily, errors
from maily.errors import (
    Cause,
    Code,
    Forbidden,
    Invalid,
    MailyError,
    NotFound,
    Secret,
    Throttled,
    Timeout,
    TooLarge,
    from_problem,
    from_response,
    violations,
)
from maily.redis import Store
from maily.trace import Trace

WIRE = Path(__file__).parents[3] / "crates/errors/tests/wire"


def test_codes_are_those_of_rust() -> None:
    assert [(code.number, code.value) for code in Code] == _maily.errors.codes()


def test_every_kind_has_an_exception_below_the_base() -> None:
    for code in Code:
        name = "".join(word.capitalize() for word in code.kind.split("_"))
        assert issubclass(getattr(errors, name), MailyError), code


def test_exception_of_the_native_half_says_what_where_and_whether_again() -> None:
    with pytest.raises(MailyError) as raised:
        Store().get("k" * 1025)

    error = raised.value
    assert (error.kind, error.code, error.number) == ("too_large", "redis-key-too-large", 105)
    assert error.operation == "redis::key"
    assert not error.temporary
    assert error.retry_after is None


def test_problem_documents_of_the_wire_are_read() -> None:
    full = from_problem((WIRE / "full.json").read_bytes())
    bare = from_problem((WIRE / "bare.json").read_bytes())
    foreign = from_problem((WIRE / "foreign.json").read_bytes())

    assert isinstance(full, Throttled)
    assert full.retry_after == 1.5
    assert [violation[:2] for violation in full.violations] == [("/messages/0/content", 'is "empty"')]
    assert isinstance(bare, NotFound)
    assert isinstance(foreign, Forbidden)


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b"{}", b"\xff", b'{"status": "500"}', b"null"])
def test_what_is_no_problem_document_is_malformed(text: bytes) -> None:
    assert from_problem(text).code == Code.MALFORMED_PROBLEM


def test_exception_survives_the_way_to_another_process() -> None:
    sent = from_problem(json.dumps({"code": "throttled", "retry_after_ms": 1500, "context": {"n": 1}, "new": [1]}))

    received = pickle.loads(pickle.dumps(sent))

    assert type(received) is Throttled
    assert (str(received), repr(received)) == (str(sent), repr(sent))
    assert received.retry_after == 1.5
    assert received.to_problem() == sent.to_problem()


def test_only_what_is_public_reaches_a_response() -> None:
    error = TooLarge("prompt is too long", public={"limit_bytes": 4096}, context={"user": "ada"}, operation="here")

    answer = error.to_response()

    assert answer.status == 413
    assert answer.headers == {"content-type": "application/problem+json"}
    assert json.loads(answer.body)["context"] == {"limit_bytes": 4096}
    assert b"ada" not in answer.body and b"here" not in answer.body
    assert "ada" in str(error), "the log may see it"
    assert "ada" not in repr(error)


def test_secret_is_shown_nowhere() -> None:
    secret = Secret("hunter2")

    assert "hunter2" not in f"{secret!r} {secret} {[secret]}"
    with pytest.raises(TypeError):
        Invalid("no", context={"key": secret})
    with pytest.raises(TypeError):
        Invalid("no", public={"key": secret})
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_context_keeps_its_types() -> None:
    error = Invalid("no", public={"n": 1, "x": 1.5, "yes": True, "name": "a", "code": Code.TIMEOUT, "big": 2**80})

    assert json.loads(error.to_problem())["context"] == {
        "n": 1, "x": 1.5, "yes": True, "name": "a", "code": "timeout", "big": str(2**80),
    }


def test_delay_is_in_the_body_exactly_and_in_the_header_in_whole_seconds() -> None:
    answer = Throttled(retry_after=1.25).to_response()

    assert answer.headers["retry-after"] == "2"
    assert json.loads(answer.body)["retry_after_ms"] == 1250


def test_persistent_error_says_no_delay() -> None:
    error = Timeout(retry_after=1.0).into_persistent()

    assert (error.status, error.temporary) == ("persistent", False)
    assert "retry_after_ms" not in json.loads(error.to_problem())
    assert NotFound().into_persistent().status == "permanent"


def test_unknown_code_of_another_version_goes_on() -> None:
    body = b'{"type":"urn:maily:error:of-2031","status":429,"number":9999,"retry_after_ms":20,"new":{"a":[1]}}'

    error = from_problem(body)

    assert isinstance(error, Throttled)
    assert (error.name, error.number, error.known, error.code) == ("of-2031", 9999, False, Code.THROTTLED)
    assert json.loads(error.to_problem()) == json.loads(body)


def test_service_that_answers_stands_before_the_causes() -> None:
    trace = Trace.root()
    error = from_problem(b'{"code":"no-node","status":503,"causes":[{"service":"mesh","code":"no-node"}]}')

    sent = from_problem(error.to_problem(service="gateway", trace=trace))

    assert sent.causes == [Cause("gateway", "no-node", trace.trace_id, trace.span_id), Cause("mesh", "no-node")]


HOSTILE = [
    b"\x00" * 1000, b"[" * 100_000, b'{"causes":' + b"[" * 100_000, b'{"status":1e999,"code":"timeout"}', b'{"code":"\\ud800"}',
    b'{"code":"timeout","status":-0.0,"number":1e400}', b'"' + b"x" * 70_000 + b'"', "\ud800", "{\"code\":\"\u0000\"}",
    json.dumps({"code": "timeout", "causes": [{"service": "s", "code": "c"}] * 5000}), '{"type":"urn:maily:error:"}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answers_give_an_error_value(body: bytes | str) -> None:
    errors = [
        from_problem(body),
        from_response(500, {"content-type": "application/problem+json"}, body),
        from_response(99999, [(b"CONTENT-TYPE", b"application/json"), ("x\ny", "\x00"), (b"retry-after", b"\xff")], body),
        from_response(-1, {}, body),
    ]

    for error in errors:
        assert isinstance(error, MailyError)
        assert isinstance(from_problem(error.to_problem(service="me")), MailyError)
        assert len(error.causes) <= 8


def test_violations_come_from_pydantic() -> None:
    class Item(pydantic.BaseModel):
        price: float

    class Order(pydantic.BaseModel):
        items: list[Item]

    with pytest.raises(pydantic.ValidationError) as refused:
        Order.model_validate({"items": [{"price": 1}, {"price": "hunter2"}]})

    (violation,) = violations(refused.value.errors())
    assert (violation.pointer, violation.code) == ("/items/1/price", "float_parsing")
    assert "hunter2" not in violation.detail


def test_code_is_equal_to_its_name_and_prints_as_it() -> None:
    name: object = "no-node"

    assert Code.NO_NODE == name
    assert str(Code.NO_NODE) == name
    assert f"{Code.NO_NODE}" == name
    assert Code("no-node") is Code.NO_NODE
