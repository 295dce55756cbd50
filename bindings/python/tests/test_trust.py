"""`maily.trust` on the built wheel."""

import asyncio
import stat
import time
from pathlib import Path

import pytest

from maily import errors
from maily.trust import AsyncTrust, Trust, verify

MAIL = b"From: a@b.example\r\nSubject: Hi\r\n\r\nSee you at nine.\r\n"


def test_certified_message_is_intact() -> None:
    trust = Trust()

    sent = trust.certify(MAIL)

    assert sent.startswith(b"Maily-Proof: ") and sent.endswith(MAIL)
    verdict = trust.verify(sent)
    assert (verdict["state"], verdict["exact"]) == ("intact", True)
    assert verdict["certificate"]["pinned"] is True


def test_changed_word_is_named() -> None:
    trust = Trust()
    sent = trust.certify(MAIL)

    verdict = trust.verify(sent.replace(b"nine", b"five"))

    assert verdict["state"] == "changed"
    changed = [part for part in verdict["parts"] if part["fate"] == "changed"]
    assert changed[0]["places"] == [{"where": "line", "first": 1, "last": 1, "text": "See you at five."}]


def test_footer_is_an_addition() -> None:
    trust = Trust()

    verdict = trust.verify(trust.certify(MAIL) + b"--\r\nThe list\r\n")

    assert verdict["state"] == "intact_with_additions"


def test_message_is_verified_offline_with_a_pinned_key() -> None:
    trust, other = Trust(), Trust()
    sent = trust.certify(MAIL)

    assert verify(sent, key=trust.key())["state"] == "intact"
    assert verify(sent, key=other.key())["reason"] == "another_key"
    assert verify(sent)["certificate"]["pinned"] is False
    assert verify(MAIL)["state"] == "missing"


def test_log_in_a_folder_goes_on(tmp_path: Path) -> None:
    first = Trust(tmp_path)
    sent, key = first.certify(MAIL), first.key()
    with pytest.raises(errors.Conflict):
        Trust(tmp_path).key()
    del first

    second = Trust(tmp_path)
    until = time.monotonic() + 10.0
    while True:
        # The task that certified may keep the log for a moment longer than whoever asked for it.
        try:
            again = second.key()
            break
        except errors.Conflict:
            assert time.monotonic() < until

    assert again == key
    assert second.verify(sent)["state"] == "intact"
    assert stat.S_IMODE((tmp_path / "trust.key").stat().st_mode) == 0o600


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(errors.Invalid) as caught:
        Trust().certify(b"no mail")
    assert caught.value.code is errors.Code.MAIL_MALFORMED
    with pytest.raises(errors.Invalid):
        verify(MAIL, key="no key")


def test_async_trust_has_the_same_methods() -> None:
    async def certify_ten() -> list[str]:
        trust = AsyncTrust()
        messages = await asyncio.gather(*(trust.certify(MAIL) for _ in range(10)))
        verdicts = await asyncio.gather(*(trust.verify(message) for message in messages))
        return [verdict["state"] for verdict in verdicts]

    assert asyncio.run(certify_ten()) == ["intact"] * 10
