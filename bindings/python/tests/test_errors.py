"""The exceptions: one per kind, one catalogue with Rust, and the way back from a problem document."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from maily import _maily, errors
from maily.errors import Code, Forbidden, MailyError, NotFound, Throttled, from_problem
from maily.redis import Store

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
    assert full.violations == [("/messages/0/content", 'is "empty"')]
    assert isinstance(bare, NotFound)
    assert isinstance(foreign, Forbidden)


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b"{}", b"\xff", b'{"status": "500"}', b"null"])
def test_what_is_no_problem_document_is_malformed(text: bytes) -> None:
    assert from_problem(text).code == Code.MALFORMED_PROBLEM


def test_exception_survives_the_way_to_another_process() -> None:
    sent = from_problem(json.dumps({"code": "throttled", "retry_after_ms": 1500}).encode())

    received = pickle.loads(pickle.dumps(sent))

    assert type(received) is Throttled
    assert str(received) == str(sent)
    assert received.retry_after == 1.5


def test_code_is_equal_to_its_name_and_prints_as_it() -> None:
    name: object = "no-node"

    assert Code.NO_NODE == name
    assert str(Code.NO_NODE) == name
    assert f"{Code.NO_NODE}" == name
    assert Code("no-node") is Code.NO_NODE
