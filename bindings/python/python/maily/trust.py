"""The core `trust`: proves what was sent and by whom, and says what was changed.

    >>> from maily.trust import Trust, verify
    >>> trust = Trust()
    >>> sent = trust.certify(b"From: a@b.example\\nSubject: Hi\\n\\nSee you at nine.\\n")
    >>> verify(sent, key=trust.key())["state"]
    'intact'
    >>> verify(sent.replace(b"nine", b"five"), key=trust.key())["title"]
    'Changed: text/plain part: changed in line 1: "See you at five."'
"""

from maily import _maily

AsyncTrust = _maily.trust.AsyncTrust
Trust = _maily.trust.Trust
verify = _maily.trust.verify

__all__ = ["AsyncTrust", "Trust", "verify"]
