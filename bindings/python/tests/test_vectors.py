"""What every language makes of an error: the golden vectors of `crates/errors`, run in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maily.errors import Cause, Code, MailyError, add_cause, format_causes, from_response, parse_causes, pointer
from maily.errors import violations as read_violations
from maily.retry import Policy, decide
from maily.trace import Trace

VECTORS = json.loads((Path(__file__).parents[3] / "crates/errors/tests/wire/vectors.json").read_bytes())


def joined(case: dict[str, Any], key: str) -> str:
    """A text, or parts of it that are repeated."""
    parts = case.get(f"{key}_parts")
    return "".join(part["text"] * part["times"] for part in parts) if parts else str(case[key])


def body(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["body_hex"]) if "body_hex" in case else joined(case, "body").encode()


def read(case: dict[str, Any]) -> MailyError:
    return from_response(case["status"], case["headers"], body(case))


def plain(entry: tuple[str | None, ...], keys: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in zip(keys, entry) if value is not None}


def seen(error: MailyError) -> dict[str, Any]:
    """What the other languages see of an error."""
    upstream = error.upstream
    return {
        "code": error.name,
        "number": error.number,
        "known": error.known,
        "acts_as": error.code.value,
        "kind": error.kind,
        "status": error.http_status if upstream else error.context["status"],
        "temporary": error.temporary,
        "retry_after_ms": None if error.retry_after is None else round(error.retry_after * 1000),
        "detail": error.detail,
        "trace_id": error.trace_id,
        "violations": [plain((v.pointer, v.code, v.detail), ("pointer", "code", "detail")) for v in error.violations],
        "context": error.context if upstream else {},
        "causes": [plain(cause, Cause._fields) for cause in error.causes],
    }


@pytest.mark.parametrize("case", VECTORS["problems"], ids=lambda case: case["name"])
def test_every_answer_becomes_the_error_of_the_vectors(case: dict[str, Any]) -> None:
    absent = {"known": True, "acts_as": case["out"]["code"], "temporary": False, "retry_after_ms": None}
    absent |= {"detail": None, "trace_id": None, "violations": [], "context": {}, "causes": []}

    assert seen(read(case["in"])) == absent | case["out"]


DOCUMENTS = [case for case in VECTORS["problems"] if read(case["in"]).upstream and "body_parts" not in case["in"]]


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case["name"])
def test_what_came_goes_out_again_as_it_came(case: dict[str, Any]) -> None:
    error = read(case["in"])

    sent = error.to_problem()

    again = from_response(error.http_status, {"content-type": "application/problem+json"}, sent)
    assert json.loads(sent) | (error.upstream or {}) == json.loads(sent)
    # A delay is added to what may be repeated, if none came.
    assert seen(again) | {"retry_after_ms": error.retry_after and error.retry_after * 1000} == seen(error)


@pytest.mark.parametrize("status, code", VECTORS["statuses"])
def test_every_status_has_the_code_of_the_vectors(status: int, code: str) -> None:
    assert Code.of_status(status).value == code


@pytest.mark.parametrize("case", VECTORS["decisions"]["cases"], ids=lambda case: case["name"])
def test_every_decision_is_that_of_the_vectors(case: dict[str, Any]) -> None:
    given = case["error"]
    delay = given["retry_after_ms"]
    error = Code(given["code"]).error(
        temporary=given["temporary"], retry_after=None if delay is None else delay / 1000
    )
    limits = case.get("policy", VECTORS["decisions"]["default_policy"])
    policy = Policy(limits["max_retries"], limits["max_delay_ms"] / 1000)

    decision = decide(
        error, idempotent=case["idempotent"], attempt=case["attempt"], policy=policy, random=case["random"]
    )

    out = case["out"]
    assert decision.delay == (out["delay_ms"] / 1000 if out["retry"] else None)
    assert decision.reason == out.get("reason")


def test_the_policy_unless_said_otherwise_is_that_of_the_vectors() -> None:
    limits = VECTORS["decisions"]["default_policy"]

    assert Policy() == Policy(limits["max_retries"], limits["max_delay_ms"] / 1000)


@pytest.mark.parametrize("case", VECTORS["causes"]["add"], ids=lambda case: case["name"])
def test_every_chain_grows_as_in_the_vectors(case: dict[str, Any]) -> None:
    chain = add_cause(Cause(**case["entry"]), [Cause(**cause) for cause in case["chain"]])

    assert [plain(cause, Cause._fields) for cause in chain] == case["out"]


@pytest.mark.parametrize("case", VECTORS["causes"]["header"], ids=lambda case: case["name"])
def test_every_header_of_causes_is_read_as_in_the_vectors(case: dict[str, Any]) -> None:
    header = joined(case, "header")

    causes = parse_causes(header)

    assert [plain(cause, Cause._fields) for cause in causes] == case["out"]
    if case.get("format"):
        assert format_causes(causes) == header


@pytest.mark.parametrize("case", VECTORS["traceparent"], ids=lambda case: case["in"])
def test_every_traceparent_is_read_as_in_the_vectors(case: dict[str, Any]) -> None:
    trace = Trace.parse(case["in"])

    if case["out"] is None:
        assert trace is None
    else:
        assert trace is not None
        assert {"trace_id": trace.trace_id, "span_id": trace.span_id, "sampled": trace.sampled} == case["out"]
        assert str(trace) == case["format"]


@pytest.mark.parametrize("case", VECTORS["violations"]["paths"], ids=lambda case: case["pointer"] or "root")
def test_every_path_is_the_pointer_of_the_vectors(case: dict[str, Any]) -> None:
    assert pointer(case["path"]) == case["pointer"]


@pytest.mark.parametrize("case", VECTORS["violations"]["fastapi"], ids=lambda case: case["pointer"] or "root")
def test_every_location_of_fastapi_is_the_pointer_of_the_vectors(case: dict[str, Any]) -> None:
    (violation,) = read_violations([{"loc": tuple(case["loc"]), "msg": "m", "type": "t"}], body=True)

    assert violation == (case["pointer"], "m", "t")
