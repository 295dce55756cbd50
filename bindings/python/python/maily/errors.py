"""The errors of Maily: one exception per kind, all below `MailyError`.

Generated from `crates/errors/catalogue.toml` by `cargo xtask generate`; do not edit.

    >>> from maily.errors import Code, MailyError, Timeout, Unavailable
    >>> error = Timeout("the model is slow", code=Code.TIMEOUT, operation="mesh::complete")
    >>> isinstance(error, MailyError), error.kind, error.temporary
    (True, 'timeout', True)
    >>> str(error)
    'the model is slow (timeout) at mesh::complete'
    >>> from_problem(b'{"status": 429, "code": "throttled", "retry_after_ms": 1500}').retry_after
    1.5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, cast

from maily import _maily

__all__ = [
    "Canceled",
    "Code",
    "Conflict",
    "Corrupt",
    "Forbidden",
    "Invalid",
    "MailyError",
    "NotFound",
    "Throttled",
    "Timeout",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unexpected",
    "Unsupported",
    "Violation",
    "from_problem",
]


class Code(str, Enum):
    """A stable name for one thing that can go wrong. It is equal to its name as a string."""

    number: int
    """The number, which never changes."""
    kind: str
    """The coarse meaning."""
    http_status: int
    """The HTTP status, 400 to 599."""
    retryable: bool
    """Whether the same request may succeed later."""

    def __new__(cls, name: str, number: int, kind: str, http_status: int, retryable: bool) -> Code:
        self = str.__new__(cls, name)
        self._value_ = name
        self.number = number
        self.kind = kind
        self.http_status = http_status
        self.retryable = retryable
        return self

    def __str__(self) -> str:
        return str(self.value)

    INVALID = ("invalid", 1, "invalid", 400, False)
    """The request is not valid."""
    NOT_FOUND = ("not-found", 2, "not_found", 404, False)
    """Nothing has this name."""
    UNAUTHORIZED = ("unauthorized", 3, "unauthorized", 401, False)
    """A valid key is missing."""
    FORBIDDEN = ("forbidden", 4, "forbidden", 403, False)
    """The key does not allow this."""
    CONFLICT = ("conflict", 5, "conflict", 409, False)
    """The state changed meanwhile."""
    TIMEOUT = ("timeout", 6, "timeout", 504, True)
    """The deadline passed."""
    UNAVAILABLE = ("unavailable", 7, "unavailable", 503, True)
    """The service cannot answer now."""
    THROTTLED = ("throttled", 8, "throttled", 429, True)
    """Too many requests."""
    UNSUPPORTED = ("unsupported", 9, "unsupported", 501, False)
    """This is not supported."""
    CORRUPT = ("corrupt", 10, "corrupt", 500, False)
    """Stored data is damaged."""
    CANCELED = ("canceled", 11, "canceled", 499, False)
    """The caller went away."""
    TOO_LARGE = ("too-large", 12, "too_large", 413, False)
    """The input is over its limit."""
    UNEXPECTED = ("unexpected", 13, "unexpected", 500, False)
    """Something unexpected happened."""
    PANICKED = ("panicked", 14, "unexpected", 500, False)
    """A handler stopped unexpectedly."""
    MALFORMED_PROBLEM = ("malformed-problem", 15, "invalid", 502, False)
    """An upstream error could not be read."""
    REDIS_UNREACHABLE = ("redis-unreachable", 100, "unavailable", 503, True)
    """The Redis server cannot be reached."""
    REDIS_WRONG_TYPE = ("redis-wrong-type", 101, "invalid", 409, False)
    """The key holds another type."""
    REDIS_REPLY = ("redis-reply", 102, "unexpected", 502, False)
    """The Redis server answered with an error."""
    REDIS_LEASE_LOST = ("redis-lease-lost", 103, "conflict", 409, False)
    """The lock is no longer held."""
    REDIS_LOCK_BUSY = ("redis-lock-busy", 104, "conflict", 409, True)
    """Somebody else holds the lock."""
    REDIS_KEY_TOO_LARGE = ("redis-key-too-large", 105, "too_large", 413, False)
    """The key or value is over its limit."""
    REDIS_NOT_A_NUMBER = ("redis-not-a-number", 106, "invalid", 409, False)
    """The value is not a counter."""
    REDIS_STORE_FULL = ("redis-store-full", 107, "too_large", 507, False)
    """The store is full."""
    REDIS_PASSWORD_REFUSED = ("redis-password-refused", 108, "unavailable", 502, False)
    """The Redis server refused our password."""
    PROMPT_INVALID = ("prompt-invalid", 200, "invalid", 400, False)
    """The prompt cannot be read."""
    PROMPT_TOO_LARGE = ("prompt-too-large", 201, "too_large", 413, False)
    """The prompt is over its limit."""
    MODEL_NOT_FOUND = ("model-not-found", 202, "not_found", 404, False)
    """No node serves this model."""
    NODE_UNREACHABLE = ("node-unreachable", 203, "unavailable", 503, True)
    """The node cannot be reached."""
    NODE_FAILED = ("node-failed", 204, "unavailable", 502, True)
    """The node answered with an error."""
    NODE_THROTTLED = ("node-throttled", 205, "throttled", 429, True)
    """The node asks to slow down."""
    NODE_REJECTED = ("node-rejected", 206, "invalid", 400, False)
    """The node refused the prompt."""
    NODE_KEY_REFUSED = ("node-key-refused", 207, "unavailable", 502, False)
    """The node refused our key."""
    STREAM_CUT = ("stream-cut", 208, "unavailable", 502, True)
    """The answer broke off."""
    STREAM_MALFORMED = ("stream-malformed", 209, "unexpected", 502, False)
    """The node's stream cannot be read."""
    NO_NODE = ("no-node", 210, "unavailable", 503, True)
    """No node is ready."""
    MODEL_MISSING = ("model-missing", 211, "unavailable", 503, False)
    """The local model is not installed."""
    MODEL_BROKEN = ("model-broken", 212, "corrupt", 500, False)
    """The local model cannot be loaded."""
    EMBEDDER_MISSING = ("embedder-missing", 213, "unavailable", 503, False)
    """The embedding model is not installed."""
    EMBEDDING_DIMENSION = ("embedding-dimension", 214, "invalid", 400, False)
    """The vector has another dimension."""
    RECALL_FULL = ("recall-full", 215, "too_large", 507, False)
    """The memory is full."""
    ANSWER_INCOMPLETE = ("answer-incomplete", 216, "unavailable", 502, True)
    """The answer has no end."""
    DOCUMENT_NAME = ("document-name", 300, "invalid", 400, False)
    """The document name is not allowed."""
    DOCUMENT_NOT_FOUND = ("document-not-found", 301, "not_found", 404, False)
    """There is no such document."""
    FRAME_MALFORMED = ("frame-malformed", 302, "invalid", 400, False)
    """The frame cannot be read."""
    FRAME_TOO_LARGE = ("frame-too-large", 303, "too_large", 413, False)
    """The frame is over its limit."""
    UPDATE_REJECTED = ("update-rejected", 304, "invalid", 422, False)
    """The update cannot be applied."""
    TOO_MANY_PENDING = ("too-many-pending", 305, "too_large", 429, False)
    """Too many updates wait for missing ones."""
    READ_ONLY = ("read-only", 306, "forbidden", 403, False)
    """The document is read-only for you."""
    STORE_FAILED = ("store-failed", 307, "unavailable", 503, True)
    """The document could not be stored."""
    STORE_CORRUPT = ("store-corrupt", 308, "corrupt", 500, False)
    """The document store is damaged."""
    STORE_LOCKED = ("store-locked", 309, "conflict", 409, False)
    """Another process uses the store."""
    SCENE_INVALID = ("scene-invalid", 310, "invalid", 422, False)
    """The scene cannot be drawn."""
    ROOM_FULL = ("room-full", 311, "throttled", 429, True)
    """The document has too many connections."""
    AWARENESS_INVALID = ("awareness-invalid", 312, "invalid", 400, False)
    """The presence state is not allowed."""
    MAIL_MALFORMED = ("mail-malformed", 400, "invalid", 400, False)
    """The message cannot be read."""
    MAIL_TOO_LARGE = ("mail-too-large", 401, "too_large", 413, False)
    """The message is over 25 MiB."""
    MAIL_TOO_DEEP = ("mail-too-deep", 402, "too_large", 413, False)
    """The message is nested too deeply."""
    PROOF_MISSING = ("proof-missing", 403, "not_found", 404, False)
    """The message carries no proof."""
    PROOF_MALFORMED = ("proof-malformed", 404, "invalid", 400, False)
    """The proof cannot be read."""
    SIGNATURE_INVALID = ("signature-invalid", 405, "forbidden", 422, False)
    """The signature does not match."""
    CERTIFICATE_NOT_FOUND = ("certificate-not-found", 406, "not_found", 404, False)
    """There is no such certificate."""
    LEDGER_UNREACHABLE = ("ledger-unreachable", 407, "unavailable", 503, True)
    """The ledger cannot be reached."""
    LEDGER_REJECTED = ("ledger-rejected", 408, "invalid", 502, False)
    """The ledger refused the anchor."""
    LEDGER_CORRUPT = ("ledger-corrupt", 409, "corrupt", 500, False)
    """The ledger log is damaged."""
    ANCHOR_PENDING = ("anchor-pending", 410, "unavailable", 503, True)
    """The anchor is not confirmed yet."""
    BATCH_EMPTY = ("batch-empty", 411, "invalid", 400, False)
    """There is nothing to anchor."""
    MERKLE_INVALID = ("merkle-invalid", 412, "invalid", 422, False)
    """The Merkle proof is not valid."""
    KEY_INVALID = ("key-invalid", 413, "invalid", 400, False)
    """The signing key cannot be read."""
    LEDGER_LOCKED = ("ledger-locked", 414, "conflict", 409, False)
    """Another process uses the ledger."""
    EVENT_INVALID = ("event-invalid", 500, "invalid", 400, False)
    """The event cannot be read."""
    WEBHOOK_SIGNATURE = ("webhook-signature", 501, "unauthorized", 401, False)
    """The webhook signature does not match."""
    WEBHOOK_STALE = ("webhook-stale", 502, "unauthorized", 401, False)
    """The webhook is too old."""
    RECOMMENDATION_NOT_FOUND = ("recommendation-not-found", 503, "not_found", 404, False)
    """There is no such recommendation."""
    OUTCOME_DUPLICATE = ("outcome-duplicate", 504, "conflict", 409, False)
    """The outcome was already recorded."""
    FEATURES_INVALID = ("features-invalid", 505, "invalid", 400, False)
    """The features cannot be used."""
    CANDIDATES_INVALID = ("candidates-invalid", 506, "invalid", 400, False)
    """The candidates cannot be ranked."""
    EVENTS_STORE_FAILED = ("events-store-failed", 507, "unavailable", 503, True)
    """The event could not be stored."""
    WEBHOOK_PROVIDER_UNKNOWN = ("webhook-provider-unknown", 508, "not_found", 404, False)
    """This provider is not offered."""
    CONFIG_INVALID = ("config-invalid", 600, "invalid", 400, False)
    """The configuration is not valid."""
    CONFIG_UNREADABLE = ("config-unreadable", 601, "not_found", 500, False)
    """The configuration file cannot be read."""
    ADDRESS_IN_USE = ("address-in-use", 602, "conflict", 500, False)
    """The address is in use."""
    KEYS_REQUIRED = ("keys-required", 603, "invalid", 500, False)
    """A public address needs keys."""
    ROUTE_NOT_FOUND = ("route-not-found", 604, "not_found", 404, False)
    """There is no such route."""
    BODY_INVALID = ("body-invalid", 605, "invalid", 400, False)
    """The body cannot be read."""
    SOCKET_MESSAGE = ("socket-message", 606, "invalid", 400, False)
    """The WebSocket message cannot be read."""
    DRAINING = ("draining", 607, "unavailable", 503, True)
    """The server is shutting down."""
    COMPONENT_MISSING = ("component-missing", 608, "unavailable", 503, False)
    """A component is not installed."""
    METHOD_NOT_ALLOWED = ("method-not-allowed", 609, "unsupported", 405, False)
    """The route does not take this method."""


class Violation(NamedTuple):
    """A violation of one field of the input."""

    pointer: str
    """Where: a JSON Pointer (RFC 6901) into the input."""
    detail: str
    """What is wrong with it."""


class MailyError(Exception):
    """What went wrong (`kind`, `code`), whether to try again (`temporary`), and where (`operation`)."""

    def __init__(
        self,
        message: str,
        *,
        code: Code,
        operation: str | None = None,
        temporary: bool | None = None,
        retry_after: float | None = None,
        context: Mapping[str, str] | None = None,
        violations: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message: str = message
        """The message, without the context."""
        self.code: Code = code
        """What went wrong, precisely."""
        self.operation: str | None = operation
        """Where it happened."""
        self.temporary: bool = code.retryable if temporary is None else temporary
        """Whether the same call may succeed later and nobody has spent the retries."""
        self.retry_after: float | None = retry_after
        """How many seconds the other side asked to wait."""
        self.context: dict[str, str] = dict(context or {})
        """Values that explain the error."""
        self.violations: list[Violation] = [Violation(pointer, detail) for pointer, detail in violations]
        """The fields of the input that are wrong."""

    @property
    def kind(self) -> str:
        """What went wrong, coarsely."""
        return self.code.kind

    @property
    def number(self) -> int:
        """The number of the code."""
        return self.code.number

    def __str__(self) -> str:
        where = f" at {self.operation}" if self.operation else ""
        context = "".join(f", {key}: {value}" for key, value in self.context.items())
        violations = "".join(f", {pointer}: {detail}" for pointer, detail in self.violations)
        return f"{self.message} ({self.code}){where}{context}{violations}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default, and exceptions travel between worker processes.
        state = (
            str(self.code),
            self.message,
            self.operation,
            self.temporary,
            self.retry_after,
            list(self.context.items()),
            [tuple(violation) for violation in self.violations],
        )
        return (_from_native, state)


class Invalid(MailyError):
    """The request is not valid."""


class NotFound(MailyError):
    """Nothing has this name."""


class Unauthorized(MailyError):
    """A valid key is missing."""


class Forbidden(MailyError):
    """The key does not allow this."""


class Conflict(MailyError):
    """The state changed meanwhile."""


class Timeout(MailyError):
    """The deadline passed."""


class Unavailable(MailyError):
    """The service cannot answer now."""


class Throttled(MailyError):
    """Too many requests."""


class Unsupported(MailyError):
    """This is not supported."""


class Corrupt(MailyError):
    """Stored data is damaged."""


class Canceled(MailyError):
    """The caller went away."""


class TooLarge(MailyError):
    """The input is over its limit."""


class Unexpected(MailyError):
    """Something unexpected happened."""


_CLASSES: dict[str, type[MailyError]] = {
    "invalid": Invalid,
    "not_found": NotFound,
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "conflict": Conflict,
    "timeout": Timeout,
    "unavailable": Unavailable,
    "throttled": Throttled,
    "unsupported": Unsupported,
    "corrupt": Corrupt,
    "canceled": Canceled,
    "too_large": TooLarge,
    "unexpected": Unexpected,
}


def from_problem(text: bytes) -> MailyError:
    """Reads a problem document (RFC 9457) into the exception of its kind. Never raises.

    A body that is not one gives the code `malformed-problem`.
    """
    return cast(MailyError, _maily.errors.from_problem(text))


def _from_native(
    code: str,
    message: str,
    operation: str | None,
    temporary: bool,
    retry_after: float | None,
    context: Sequence[tuple[str, str]],
    violations: Sequence[tuple[str, str]],
) -> MailyError:
    """Builds the exception of an error; the native module calls it."""
    known = Code(code)
    return _CLASSES[known.kind](
        message,
        code=known,
        operation=operation,
        temporary=temporary,
        retry_after=retry_after,
        context=dict(context),
        violations=violations,
    )
