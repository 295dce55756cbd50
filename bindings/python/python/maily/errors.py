"""The errors of Maily: one exception per kind, all below `MailyError`.

Generated from `crates/errors/catalogue.toml` by `cargo xtask generate`; do not edit.

    >>> from maily.errors import Code, MailyError, Timeout, from_problem
    >>> error = Timeout("the model is slow", operation="mesh::complete")
    >>> isinstance(error, MailyError), error.kind, error.temporary
    (True, 'timeout', True)
    >>> str(error)
    'the model is slow (timeout) at mesh::complete'
    >>> from_problem(b'{"status": 429, "code": "throttled", "retry_after_ms": 1500}').retry_after
    1.5

What another service answered goes out again as it came, with codes that this version does not know:

    >>> error = from_problem(b'{"type": "urn:maily:error:of-2031", "status": 503, "retry_after_ms": 20, "new": 1}')
    >>> type(error).__name__, error.code, error.name, error.known
    ('Unavailable', <Code.UNAVAILABLE: 'unavailable'>, 'of-2031', False)
    >>> error.to_problem()
    b'{"type":"urn:maily:error:of-2031","status":503,"retry_after_ms":20,"new":1}'
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar, Union, cast

from maily import _maily

__all__ = [
    "Answer",
    "Canceled",
    "Cause",
    "Code",
    "Conflict",
    "Corrupt",
    "Forbidden",
    "Invalid",
    "MailyError",
    "NotFound",
    "Secret",
    "Throttled",
    "Timeout",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unexpected",
    "Unsupported",
    "Violation",
    "add_cause",
    "format_causes",
    "from_problem",
    "from_response",
    "parse_causes",
    "pointer",
    "violations",
]

T = TypeVar("T")
_Value = Union[str, int, float, bool]


class Code(str, Enum):
    """A stable name for one thing that can go wrong. It is equal to its name as a string."""

    INVALID = "invalid"
    """The request is not valid."""
    NOT_FOUND = "not-found"
    """Nothing has this name."""
    UNAUTHORIZED = "unauthorized"
    """A valid key is missing."""
    FORBIDDEN = "forbidden"
    """The key does not allow this."""
    CONFLICT = "conflict"
    """The state changed meanwhile."""
    TIMEOUT = "timeout"
    """The deadline passed."""
    UNAVAILABLE = "unavailable"
    """The service cannot answer now."""
    THROTTLED = "throttled"
    """Too many requests."""
    UNSUPPORTED = "unsupported"
    """This is not supported."""
    CORRUPT = "corrupt"
    """Stored data is damaged."""
    CANCELED = "canceled"
    """The caller went away."""
    TOO_LARGE = "too-large"
    """The input is over its limit."""
    UNEXPECTED = "unexpected"
    """Something unexpected happened."""
    PANICKED = "panicked"
    """A handler stopped unexpectedly."""
    MALFORMED_PROBLEM = "malformed-problem"
    """An upstream error could not be read."""
    REDIS_UNREACHABLE = "redis-unreachable"
    """The Redis server cannot be reached."""
    REDIS_WRONG_TYPE = "redis-wrong-type"
    """The key holds another type."""
    REDIS_REPLY = "redis-reply"
    """The Redis server answered with an error."""
    REDIS_LEASE_LOST = "redis-lease-lost"
    """The lock is no longer held."""
    REDIS_LOCK_BUSY = "redis-lock-busy"
    """Somebody else holds the lock."""
    REDIS_KEY_TOO_LARGE = "redis-key-too-large"
    """The key or value is over its limit."""
    REDIS_NOT_A_NUMBER = "redis-not-a-number"
    """The value is not a counter."""
    REDIS_STORE_FULL = "redis-store-full"
    """The store is full."""
    REDIS_PASSWORD_REFUSED = "redis-password-refused"
    """The Redis server refused our password."""
    REDIS_BUSY = "redis-busy"
    """Too many commands wait for the Redis server."""
    REDIS_PROTOCOL = "redis-protocol"
    """The other side is no Redis server of 7.0 or newer."""
    REDIS_CERTIFICATE_REFUSED = "redis-certificate-refused"
    """A certificate of the Redis server, or ours, was refused."""
    REDIS_NO_MASTER = "redis-no-master"
    """No Redis server is the master now."""
    REDIS_CROSS_SLOT = "redis-cross-slot"
    """The keys are on different nodes of the cluster."""
    REDIS_TOKEN_STALE = "redis-token-stale"
    """A newer holder of the lock was here."""
    REDIS_IDEMPOTENCY_BUSY = "redis-idempotency-busy"
    """A request with this idempotency key is running."""
    REDIS_IDEMPOTENCY_MISMATCH = "redis-idempotency-mismatch"
    """The idempotency key was used for another request."""
    REDIS_ANSWER_NOT_KEPT = "redis-answer-not-kept"
    """The request was done, and its answer was not kept."""
    REDIS_PAYLOAD_TOO_LARGE = "redis-payload-too-large"
    """The job or message is over its limit."""
    REDIS_JOB_ABANDONED = "redis-job-abandoned"
    """Every worker that had the job left it."""
    REDIS_JOB_PANICKED = "redis-job-panicked"
    """The handler of the job panicked."""
    REDIS_DISK_FAILED = "redis-disk-failed"
    """The value could not be stored on the disk."""
    REDIS_DISK_CORRUPT = "redis-disk-corrupt"
    """The store on disk is damaged."""
    REDIS_DISK_LOCKED = "redis-disk-locked"
    """Another process uses the store on disk."""
    REDIS_DISK_CLOSED = "redis-disk-closed"
    """The store on disk was closed."""
    PROMPT_INVALID = "prompt-invalid"
    """The prompt cannot be read."""
    PROMPT_TOO_LARGE = "prompt-too-large"
    """The prompt is over its limit."""
    MODEL_NOT_FOUND = "model-not-found"
    """No node serves this model."""
    NODE_UNREACHABLE = "node-unreachable"
    """The node cannot be reached."""
    NODE_FAILED = "node-failed"
    """The node answered with an error."""
    NODE_THROTTLED = "node-throttled"
    """The node asks to slow down."""
    NODE_REJECTED = "node-rejected"
    """The node refused the prompt."""
    NODE_KEY_REFUSED = "node-key-refused"
    """The node refused our key."""
    STREAM_CUT = "stream-cut"
    """The answer broke off."""
    STREAM_MALFORMED = "stream-malformed"
    """The node's stream cannot be read."""
    NO_NODE = "no-node"
    """No node is ready."""
    MODEL_MISSING = "model-missing"
    """The local model is not installed."""
    MODEL_BROKEN = "model-broken"
    """The local model cannot be loaded."""
    EMBEDDER_MISSING = "embedder-missing"
    """The embedding model is not installed."""
    EMBEDDING_DIMENSION = "embedding-dimension"
    """The vector has another dimension."""
    RECALL_FULL = "recall-full"
    """The memory is full."""
    ANSWER_INCOMPLETE = "answer-incomplete"
    """The answer has no end."""
    PROMPT_UNTRANSLATABLE = "prompt-untranslatable"
    """The prompt cannot be said in the node's format."""
    STREAM_GONE = "stream-gone"
    """The stream is no longer kept."""
    OVERLOADED = "overloaded"
    """The mesh has more to do than it can."""
    BREAKER_OPEN = "breaker-open"
    """The node is left alone because it failed too often."""
    NODE_EXISTS = "node-exists"
    """There is a node of this name."""
    NODE_NOT_FOUND = "node-not-found"
    """There is no such node."""
    NODE_URL_REFUSED = "node-url-refused"
    """The URL of the node is not one that may register."""
    MEMORY_STORE_CORRUPT = "memory-store-corrupt"
    """The store of memories is damaged."""
    MEMORY_STORE_LOCKED = "memory-store-locked"
    """Another process uses the store of memories."""
    MEMORY_STORE_FAILED = "memory-store-failed"
    """The memory could not be stored."""
    GOSSIP_KEY = "gossip-key"
    """The key of the gossip is not 32 bytes."""
    GOSSIP_LIMIT = "gossip-limit"
    """More than an instance may share."""
    GOSSIP_SOCKET = "gossip-socket"
    """The address of the gossip cannot be used."""
    STREAM_LAGGED = "stream-lagged"
    """The reader is too far behind a shared stream."""
    EMBEDDING_INVALID = "embedding-invalid"
    """The embedder gave a vector that cannot be compared."""
    KEY_LIMIT = "key-limit"
    """The key has no more for now."""
    BUDGET_SPENT = "budget-spent"
    """The budget of the key is spent."""
    MODEL_NOT_ALLOWED = "model-not-allowed"
    """The key may not ask for this model."""
    ACCOUNT_UNREACHABLE = "account-unreachable"
    """What the key has left cannot be asked."""
    PROMPT_OVER_LIMIT = "prompt-over-limit"
    """The prompt needs more than its key ever has."""
    NODES_UNREACHABLE = "nodes-unreachable"
    """The source of the nodes cannot be asked."""
    NODES_REFUSED = "nodes-refused"
    """The source does not let us see the nodes."""
    NODES_MALFORMED = "nodes-malformed"
    """The source of the nodes says what it should not."""
    TENANT_NOT_ALLOWED = "tenant-not-allowed"
    """The tenant is another one's."""
    DOCUMENT_NAME = "document-name"
    """The document name is not allowed."""
    DOCUMENT_NOT_FOUND = "document-not-found"
    """There is no such document."""
    FRAME_MALFORMED = "frame-malformed"
    """The frame cannot be read."""
    FRAME_TOO_LARGE = "frame-too-large"
    """The frame is over its limit."""
    UPDATE_REJECTED = "update-rejected"
    """The update cannot be applied."""
    TOO_MANY_PENDING = "too-many-pending"
    """Too many updates wait for missing ones."""
    READ_ONLY = "read-only"
    """The document is read-only for you."""
    STORE_FAILED = "store-failed"
    """The document could not be stored."""
    STORE_CORRUPT = "store-corrupt"
    """The document store is damaged."""
    STORE_LOCKED = "store-locked"
    """Another process uses the store."""
    SCENE_INVALID = "scene-invalid"
    """The scene cannot be drawn."""
    ROOM_FULL = "room-full"
    """The document has too many connections."""
    AWARENESS_INVALID = "awareness-invalid"
    """The presence state is not allowed."""
    MAIL_MALFORMED = "mail-malformed"
    """The message cannot be read."""
    MAIL_TOO_LARGE = "mail-too-large"
    """The message is over 25 MiB."""
    MAIL_TOO_DEEP = "mail-too-deep"
    """The message is nested too deeply."""
    PROOF_MISSING = "proof-missing"
    """The message carries no proof."""
    PROOF_MALFORMED = "proof-malformed"
    """The proof cannot be read."""
    SIGNATURE_INVALID = "signature-invalid"
    """The signature does not match."""
    CERTIFICATE_NOT_FOUND = "certificate-not-found"
    """There is no such certificate."""
    LEDGER_UNREACHABLE = "ledger-unreachable"
    """The ledger cannot be reached."""
    LEDGER_REJECTED = "ledger-rejected"
    """The ledger refused the anchor."""
    LEDGER_CORRUPT = "ledger-corrupt"
    """The ledger log is damaged."""
    ANCHOR_PENDING = "anchor-pending"
    """The anchor is not confirmed yet."""
    BATCH_EMPTY = "batch-empty"
    """There is nothing to anchor."""
    MERKLE_INVALID = "merkle-invalid"
    """The Merkle proof is not valid."""
    KEY_INVALID = "key-invalid"
    """The signing key cannot be read."""
    LEDGER_LOCKED = "ledger-locked"
    """Another process uses the ledger."""
    EVENT_INVALID = "event-invalid"
    """The event cannot be read."""
    WEBHOOK_SIGNATURE = "webhook-signature"
    """The webhook signature does not match."""
    WEBHOOK_STALE = "webhook-stale"
    """The webhook is too old."""
    RECOMMENDATION_NOT_FOUND = "recommendation-not-found"
    """There is no such recommendation."""
    OUTCOME_DUPLICATE = "outcome-duplicate"
    """The outcome was already recorded."""
    FEATURES_INVALID = "features-invalid"
    """The features cannot be used."""
    CANDIDATES_INVALID = "candidates-invalid"
    """The candidates cannot be ranked."""
    EVENTS_STORE_FAILED = "events-store-failed"
    """The event could not be stored."""
    WEBHOOK_PROVIDER_UNKNOWN = "webhook-provider-unknown"
    """This provider is not offered."""
    EVENTS_STORE_CORRUPT = "events-store-corrupt"
    """The event log is damaged."""
    EVENTS_STORE_LOCKED = "events-store-locked"
    """Another process uses the event log."""
    CONFIG_INVALID = "config-invalid"
    """The configuration is not valid."""
    CONFIG_UNREADABLE = "config-unreadable"
    """The configuration file cannot be read."""
    ADDRESS_IN_USE = "address-in-use"
    """The address is in use."""
    KEYS_REQUIRED = "keys-required"
    """A public address needs keys."""
    ROUTE_NOT_FOUND = "route-not-found"
    """There is no such route."""
    BODY_INVALID = "body-invalid"
    """The body cannot be read."""
    SOCKET_MESSAGE = "socket-message"
    """The WebSocket message cannot be read."""
    DRAINING = "draining"
    """The server is shutting down."""
    COMPONENT_MISSING = "component-missing"
    """A component is not installed."""
    METHOD_NOT_ALLOWED = "method-not-allowed"
    """The route does not take this method."""
    UPGRADE_REQUIRED = "upgrade-required"
    """This route is a WebSocket."""

    @property
    def number(self) -> int:
        """The number, which never changes."""
        return _ROWS[self.value][0]

    @property
    def kind(self) -> str:
        """The coarse meaning."""
        return _ROWS[self.value][1]

    @property
    def http_status(self) -> int:
        """The HTTP status, 400 to 599."""
        return _ROWS[self.value][2]

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return _ROWS[self.value][3]

    @property
    def grpc_status(self) -> int:
        """The gRPC status, 1 to 16."""
        return _ROWS[self.value][4]

    @property
    def category(self) -> str:
        """Who can do something about it: `client`, `server`, `throttle` or `transient` (time)."""
        return _ROWS[self.value][5]

    @property
    def safe_when(self) -> str:
        """When the same request may be sent again: `always`, `idempotent` or `never`."""
        return _ROWS[self.value][6]

    @property
    def backoff(self) -> float:
        """How many seconds to wait before the first retry, if nobody said otherwise."""
        return _ROWS[self.value][7] / 1000

    @property
    def domain(self) -> str:
        """The core that owns the code, or `common`."""
        return _ROWS[self.value][8]

    @property
    def summary(self) -> str:
        """One sentence without a full stop."""
        return _ROWS[self.value][9]

    def __str__(self) -> str:
        return self.value

    def error(self, message: str = "", **details: Any) -> MailyError:
        """Makes the exception of this code; details are those of `MailyError`.

        >>> Code.NO_NODE.error("no node serves the model", public={"model": "small"})
        Unavailable('no node serves the model', code='no-node')
        """
        return _CLASSES[self.kind](message, code=self, **details)

    @classmethod
    def of_status(cls, status: int) -> Code:
        """Returns the code that says what an HTTP status says."""
        return cls(_maily.errors.code_of_status(status))


_ROWS: dict[str, tuple[int, str, int, bool, int, str, str, int, str, str]] = {
    "invalid": (1, "invalid", 400, False, 3, "client", "never", 0, "common", "The request is not valid"),
    "not-found": (2, "not_found", 404, False, 5, "client", "never", 0, "common", "Nothing has this name"),
    "unauthorized": (3, "unauthorized", 401, False, 16, "client", "never", 0, "common", "A valid key is missing"),
    "forbidden": (4, "forbidden", 403, False, 7, "client", "never", 0, "common", "The key does not allow this"),
    "conflict": (5, "conflict", 409, False, 10, "client", "never", 0, "common", "The state changed meanwhile"),
    "timeout": (6, "timeout", 504, True, 4, "transient", "idempotent", 200, "common", "The deadline passed"),
    "unavailable": (7, "unavailable", 503, True, 14, "transient", "idempotent", 200, "common", "The service cannot answer now"),
    "throttled": (8, "throttled", 429, True, 8, "throttle", "always", 1000, "common", "Too many requests"),
    "unsupported": (9, "unsupported", 501, False, 12, "client", "never", 0, "common", "This is not supported"),
    "corrupt": (10, "corrupt", 500, False, 15, "server", "never", 0, "common", "Stored data is damaged"),
    "canceled": (11, "canceled", 499, False, 1, "client", "never", 0, "common", "The caller went away"),
    "too-large": (12, "too_large", 413, False, 11, "client", "never", 0, "common", "The input is over its limit"),
    "unexpected": (13, "unexpected", 500, False, 13, "server", "never", 0, "common", "Something unexpected happened"),
    "panicked": (14, "unexpected", 500, False, 13, "server", "never", 0, "common", "A handler stopped unexpectedly"),
    "malformed-problem": (15, "invalid", 502, False, 13, "server", "never", 0, "common", "An upstream error could not be read"),
    "redis-unreachable": (100, "unavailable", 503, True, 14, "transient", "idempotent", 100, "redis", "The Redis server cannot be reached"),
    "redis-wrong-type": (101, "invalid", 409, False, 9, "client", "never", 0, "redis", "The key holds another type"),
    "redis-reply": (102, "unexpected", 502, False, 13, "server", "never", 0, "redis", "The Redis server answered with an error"),
    "redis-lease-lost": (103, "conflict", 409, False, 10, "client", "never", 0, "redis", "The lock is no longer held"),
    "redis-lock-busy": (104, "conflict", 409, True, 10, "throttle", "always", 50, "redis", "Somebody else holds the lock"),
    "redis-key-too-large": (105, "too_large", 413, False, 11, "client", "never", 0, "redis", "The key or value is over its limit"),
    "redis-not-a-number": (106, "invalid", 409, False, 9, "client", "never", 0, "redis", "The value is not a counter"),
    "redis-store-full": (107, "too_large", 507, False, 8, "server", "never", 0, "redis", "The store is full"),
    "redis-password-refused": (108, "unavailable", 502, False, 13, "server", "never", 0, "redis", "The Redis server refused our password"),
    "redis-busy": (109, "throttled", 503, True, 8, "throttle", "always", 50, "redis", "Too many commands wait for the Redis server"),
    "redis-protocol": (110, "unavailable", 502, False, 14, "server", "never", 0, "redis", "The other side is no Redis server of 7.0 or newer"),
    "redis-certificate-refused": (111, "unavailable", 502, False, 14, "server", "never", 0, "redis", "A certificate of the Redis server, or ours, was refused"),
    "redis-no-master": (112, "unavailable", 503, True, 14, "transient", "always", 200, "redis", "No Redis server is the master now"),
    "redis-cross-slot": (113, "invalid", 400, False, 3, "client", "never", 0, "redis", "The keys are on different nodes of the cluster"),
    "redis-token-stale": (115, "conflict", 409, False, 10, "client", "never", 0, "redis", "A newer holder of the lock was here"),
    "redis-idempotency-busy": (116, "conflict", 409, True, 10, "throttle", "always", 100, "redis", "A request with this idempotency key is running"),
    "redis-idempotency-mismatch": (117, "invalid", 422, False, 3, "client", "never", 0, "redis", "The idempotency key was used for another request"),
    "redis-answer-not-kept": (118, "too_large", 409, False, 9, "client", "never", 0, "redis", "The request was done, and its answer was not kept"),
    "redis-payload-too-large": (120, "too_large", 413, False, 11, "client", "never", 0, "redis", "The job or message is over its limit"),
    "redis-job-abandoned": (121, "unexpected", 500, False, 13, "server", "never", 0, "redis", "Every worker that had the job left it"),
    "redis-job-panicked": (122, "unexpected", 500, True, 13, "transient", "idempotent", 1000, "redis", "The handler of the job panicked"),
    "redis-disk-failed": (125, "unavailable", 503, True, 14, "transient", "idempotent", 200, "redis", "The value could not be stored on the disk"),
    "redis-disk-corrupt": (126, "corrupt", 500, False, 15, "server", "never", 0, "redis", "The store on disk is damaged"),
    "redis-disk-locked": (127, "conflict", 409, False, 9, "server", "never", 0, "redis", "Another process uses the store on disk"),
    "redis-disk-closed": (128, "unavailable", 503, False, 14, "server", "never", 0, "redis", "The store on disk was closed"),
    "prompt-invalid": (200, "invalid", 400, False, 3, "client", "never", 0, "mesh", "The prompt cannot be read"),
    "prompt-too-large": (201, "too_large", 413, False, 11, "client", "never", 0, "mesh", "The prompt is over its limit"),
    "model-not-found": (202, "not_found", 404, False, 5, "client", "never", 0, "mesh", "No node serves this model"),
    "node-unreachable": (203, "unavailable", 503, True, 14, "transient", "idempotent", 100, "mesh", "The node cannot be reached"),
    "node-failed": (204, "unavailable", 502, True, 13, "transient", "idempotent", 200, "mesh", "The node answered with an error"),
    "node-throttled": (205, "throttled", 429, True, 8, "throttle", "always", 1000, "mesh", "The node asks to slow down"),
    "node-rejected": (206, "invalid", 400, False, 3, "client", "never", 0, "mesh", "The node refused the prompt"),
    "node-key-refused": (207, "unavailable", 502, False, 13, "server", "never", 0, "mesh", "The node refused our key"),
    "stream-cut": (208, "unavailable", 502, True, 14, "transient", "idempotent", 100, "mesh", "The answer broke off"),
    "stream-malformed": (209, "unexpected", 502, False, 13, "server", "never", 0, "mesh", "The node's stream cannot be read"),
    "no-node": (210, "unavailable", 503, True, 14, "transient", "always", 500, "mesh", "No node is ready"),
    "model-missing": (211, "unavailable", 503, False, 9, "server", "never", 0, "mesh", "The local model is not installed"),
    "model-broken": (212, "corrupt", 500, False, 15, "server", "never", 0, "mesh", "The local model cannot be loaded"),
    "embedder-missing": (213, "unavailable", 503, False, 9, "server", "never", 0, "mesh", "The embedding model is not installed"),
    "embedding-dimension": (214, "invalid", 400, False, 3, "client", "never", 0, "mesh", "The vector has another dimension"),
    "recall-full": (215, "too_large", 507, False, 8, "server", "never", 0, "mesh", "The memory is full"),
    "answer-incomplete": (216, "unavailable", 502, True, 14, "transient", "idempotent", 100, "mesh", "The answer has no end"),
    "prompt-untranslatable": (220, "invalid", 400, False, 3, "client", "never", 0, "mesh", "The prompt cannot be said in the node's format"),
    "stream-gone": (225, "not_found", 410, False, 5, "client", "never", 0, "mesh", "The stream is no longer kept"),
    "overloaded": (230, "unavailable", 503, True, 14, "transient", "always", 1000, "mesh", "The mesh has more to do than it can"),
    "breaker-open": (231, "unavailable", 503, True, 14, "transient", "always", 1000, "mesh", "The node is left alone because it failed too often"),
    "node-exists": (232, "conflict", 409, False, 6, "client", "never", 0, "mesh", "There is a node of this name"),
    "node-not-found": (233, "not_found", 404, False, 5, "client", "never", 0, "mesh", "There is no such node"),
    "node-url-refused": (234, "invalid", 400, False, 3, "client", "never", 0, "mesh", "The URL of the node is not one that may register"),
    "memory-store-corrupt": (235, "corrupt", 500, False, 15, "server", "never", 0, "mesh", "The store of memories is damaged"),
    "memory-store-locked": (236, "conflict", 409, False, 9, "server", "never", 0, "mesh", "Another process uses the store of memories"),
    "memory-store-failed": (237, "unavailable", 503, True, 14, "transient", "idempotent", 200, "mesh", "The memory could not be stored"),
    "gossip-key": (240, "invalid", 500, False, 9, "server", "never", 0, "mesh", "The key of the gossip is not 32 bytes"),
    "gossip-limit": (241, "too_large", 507, False, 8, "server", "never", 0, "mesh", "More than an instance may share"),
    "gossip-socket": (242, "unavailable", 503, False, 14, "server", "never", 0, "mesh", "The address of the gossip cannot be used"),
    "stream-lagged": (245, "unavailable", 503, True, 14, "transient", "idempotent", 100, "mesh", "The reader is too far behind a shared stream"),
    "embedding-invalid": (250, "unexpected", 502, False, 13, "server", "never", 0, "mesh", "The embedder gave a vector that cannot be compared"),
    "key-limit": (255, "throttled", 429, True, 8, "throttle", "always", 1000, "mesh", "The key has no more for now"),
    "budget-spent": (256, "throttled", 429, False, 8, "client", "never", 0, "mesh", "The budget of the key is spent"),
    "model-not-allowed": (257, "forbidden", 403, False, 7, "client", "never", 0, "mesh", "The key may not ask for this model"),
    "account-unreachable": (258, "unavailable", 503, True, 14, "transient", "always", 1000, "mesh", "What the key has left cannot be asked"),
    "prompt-over-limit": (259, "too_large", 413, False, 11, "client", "never", 0, "mesh", "The prompt needs more than its key ever has"),
    "nodes-unreachable": (260, "unavailable", 503, True, 14, "transient", "always", 1000, "mesh", "The source of the nodes cannot be asked"),
    "nodes-refused": (261, "unavailable", 503, False, 7, "server", "never", 0, "mesh", "The source does not let us see the nodes"),
    "nodes-malformed": (262, "corrupt", 502, False, 13, "server", "never", 0, "mesh", "The source of the nodes says what it should not"),
    "tenant-not-allowed": (263, "forbidden", 403, False, 7, "client", "never", 0, "mesh", "The tenant is another one's"),
    "document-name": (300, "invalid", 400, False, 3, "client", "never", 0, "canvas", "The document name is not allowed"),
    "document-not-found": (301, "not_found", 404, False, 5, "client", "never", 0, "canvas", "There is no such document"),
    "frame-malformed": (302, "invalid", 400, False, 3, "client", "never", 0, "canvas", "The frame cannot be read"),
    "frame-too-large": (303, "too_large", 413, False, 11, "client", "never", 0, "canvas", "The frame is over its limit"),
    "update-rejected": (304, "invalid", 422, False, 9, "client", "never", 0, "canvas", "The update cannot be applied"),
    "too-many-pending": (305, "too_large", 429, False, 8, "client", "never", 0, "canvas", "Too many updates wait for missing ones"),
    "read-only": (306, "forbidden", 403, False, 7, "client", "never", 0, "canvas", "The document is read-only for you"),
    "store-failed": (307, "unavailable", 503, True, 14, "transient", "idempotent", 200, "canvas", "The document could not be stored"),
    "store-corrupt": (308, "corrupt", 500, False, 15, "server", "never", 0, "canvas", "The document store is damaged"),
    "store-locked": (309, "conflict", 409, False, 9, "server", "never", 0, "canvas", "Another process uses the store"),
    "scene-invalid": (310, "invalid", 422, False, 9, "server", "never", 0, "canvas", "The scene cannot be drawn"),
    "room-full": (311, "throttled", 429, True, 8, "throttle", "always", 1000, "canvas", "The document has too many connections"),
    "awareness-invalid": (312, "invalid", 400, False, 3, "client", "never", 0, "canvas", "The presence state is not allowed"),
    "mail-malformed": (400, "invalid", 400, False, 3, "client", "never", 0, "trust", "The message cannot be read"),
    "mail-too-large": (401, "too_large", 413, False, 11, "client", "never", 0, "trust", "The message is over 25 MiB"),
    "mail-too-deep": (402, "too_large", 413, False, 11, "client", "never", 0, "trust", "The message is nested too deeply"),
    "proof-missing": (403, "not_found", 404, False, 5, "client", "never", 0, "trust", "The message carries no proof"),
    "proof-malformed": (404, "invalid", 400, False, 3, "client", "never", 0, "trust", "The proof cannot be read"),
    "signature-invalid": (405, "forbidden", 422, False, 16, "client", "never", 0, "trust", "The signature does not match"),
    "certificate-not-found": (406, "not_found", 404, False, 5, "client", "never", 0, "trust", "There is no such certificate"),
    "ledger-unreachable": (407, "unavailable", 503, True, 14, "transient", "idempotent", 500, "trust", "The ledger cannot be reached"),
    "ledger-rejected": (408, "invalid", 502, False, 9, "server", "never", 0, "trust", "The ledger refused the anchor"),
    "ledger-corrupt": (409, "corrupt", 500, False, 15, "server", "never", 0, "trust", "The ledger log is damaged"),
    "anchor-pending": (410, "unavailable", 503, True, 14, "transient", "always", 1000, "trust", "The anchor is not confirmed yet"),
    "batch-empty": (411, "invalid", 400, False, 3, "client", "never", 0, "trust", "There is nothing to anchor"),
    "merkle-invalid": (412, "invalid", 422, False, 3, "client", "never", 0, "trust", "The Merkle proof is not valid"),
    "key-invalid": (413, "invalid", 400, False, 3, "server", "never", 0, "trust", "The signing key cannot be read"),
    "ledger-locked": (414, "conflict", 409, False, 9, "server", "never", 0, "trust", "Another process uses the ledger"),
    "event-invalid": (500, "invalid", 400, False, 3, "client", "never", 0, "analytics", "The event cannot be read"),
    "webhook-signature": (501, "unauthorized", 401, False, 16, "client", "never", 0, "analytics", "The webhook signature does not match"),
    "webhook-stale": (502, "unauthorized", 401, False, 16, "client", "never", 0, "analytics", "The webhook is too old"),
    "recommendation-not-found": (503, "not_found", 404, False, 5, "client", "never", 0, "analytics", "There is no such recommendation"),
    "outcome-duplicate": (504, "conflict", 409, False, 6, "client", "never", 0, "analytics", "The outcome was already recorded"),
    "features-invalid": (505, "invalid", 400, False, 3, "client", "never", 0, "analytics", "The features cannot be used"),
    "candidates-invalid": (506, "invalid", 400, False, 3, "client", "never", 0, "analytics", "The candidates cannot be ranked"),
    "events-store-failed": (507, "unavailable", 503, True, 14, "transient", "idempotent", 200, "analytics", "The event could not be stored"),
    "webhook-provider-unknown": (508, "not_found", 404, False, 5, "client", "never", 0, "analytics", "This provider is not offered"),
    "events-store-corrupt": (509, "corrupt", 500, False, 15, "server", "never", 0, "analytics", "The event log is damaged"),
    "events-store-locked": (510, "conflict", 409, False, 9, "server", "never", 0, "analytics", "Another process uses the event log"),
    "config-invalid": (600, "invalid", 400, False, 3, "client", "never", 0, "server", "The configuration is not valid"),
    "config-unreadable": (601, "not_found", 500, False, 5, "server", "never", 0, "server", "The configuration file cannot be read"),
    "address-in-use": (602, "conflict", 500, False, 9, "server", "never", 0, "server", "The address is in use"),
    "keys-required": (603, "invalid", 500, False, 9, "server", "never", 0, "server", "A public address needs keys"),
    "route-not-found": (604, "not_found", 404, False, 5, "client", "never", 0, "server", "There is no such route"),
    "body-invalid": (605, "invalid", 400, False, 3, "client", "never", 0, "server", "The body cannot be read"),
    "socket-message": (606, "invalid", 400, False, 3, "client", "never", 0, "server", "The WebSocket message cannot be read"),
    "draining": (607, "unavailable", 503, True, 14, "transient", "always", 1000, "server", "The server is shutting down"),
    "component-missing": (608, "unavailable", 503, False, 9, "server", "never", 0, "server", "A component is not installed"),
    "method-not-allowed": (609, "unsupported", 405, False, 12, "client", "never", 0, "server", "The route does not take this method"),
    "upgrade-required": (610, "invalid", 426, False, 9, "client", "never", 0, "server", "This route is a WebSocket"),
}


class Violation(NamedTuple):
    """A violation of one field of the input."""

    pointer: str
    """Where: a JSON Pointer (RFC 6901) into the input; empty for the whole of it."""
    detail: str
    """What is wrong with it, for a person."""
    code: str | None = None
    """What is wrong with it, for a program: a name of the rule."""


class Cause(NamedTuple):
    """A service that met an error on its way, and what it called it."""

    service: str
    """The name of the service: 1 to 64 of A-Z a-z 0-9 - _ . / :"""
    code: str
    """The code with which it answered."""
    trace_id: str | None = None
    """The trace in which that was."""
    span_id: str | None = None
    """The span in which that was."""


class Answer(NamedTuple):
    """An error as an HTTP answer."""

    status: int
    """400 to 599."""
    headers: dict[str, str]
    """`content-type`, and `retry-after` in whole seconds if a retry makes sense."""
    body: bytes
    """A problem document (RFC 9457)."""


class Secret(Generic[T]):
    """A value that is shown nowhere: `repr` and `str` hide it, and no error takes it as context.

    >>> key = Secret("hunter2")
    >>> key, key.expose()
    ([secret], 'hunter2')
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def expose(self) -> T:
        """Returns the value. Each call is a place to look at in a review."""
        return self._value

    def __repr__(self) -> str:
        return "[secret]"

    def __reduce__(self) -> str:
        raise TypeError("a secret does not leave the process")


class _State(TypedDict):
    """What an exception is made of, as the native module takes and gives it."""

    code: str
    message: str
    operation: str | None
    spent: bool
    retry_after: float | None
    context: list[tuple[str, _Value, bool]]
    violations: Sequence[tuple[str, str, str | None]]
    causes: Sequence[tuple[str, str, str | None, str | None]]
    trace: str | None
    upstream: tuple[str, int | None, bool, int, str | None, bytes] | None


class MailyError(Exception):
    """What went wrong (`kind`, `code`), whether to try again (`temporary`), and where (`operation`).

    A message is static text: what varies is context. `context` goes to the log only, `public` to responses too.

    >>> error = TooLarge("prompt is too long", public={"limit_bytes": 4096}, context={"user": "ada@example.com"})
    >>> error
    TooLarge('prompt is too long', code='too-large')
    >>> error.to_problem()
    b'{"type":"urn:maily:error:too-large",...,"detail":"prompt is too long","context":{"limit_bytes":4096}}'
    """

    _code = "unexpected"

    def __init__(
        self,
        message: str = "",
        *,
        code: Code | str | None = None,
        operation: str | None = None,
        temporary: bool = True,
        retry_after: float | None = None,
        context: Mapping[str, object] | None = None,
        public: Mapping[str, object] | None = None,
        violations: Iterable[tuple[str, str] | Violation] = (),
        causes: Iterable[Cause] = (),
        trace: object = None,
    ) -> None:
        self.code: Code = Code(self._code if code is None else code)
        """What went wrong, precisely; of a code that this catalogue lacks, what it acts as (see `name`)."""
        self.message: str = message or self.code.summary
        """The message, without the context."""
        super().__init__(self.message)
        self.operation: str | None = operation
        """Where it happened."""
        self.retry_after: float | None = retry_after
        """How many seconds the other side asked to wait."""
        self.context: dict[str, _Value] = {key: _plain(value) for key, value in (context or {}).items()}
        """Values that explain the error."""
        self.context.update((key, _plain(value)) for key, value in (public or {}).items())
        self.public: frozenset[str] = frozenset(public or ())
        """The keys of the context that a response may show."""
        self.violations: list[Violation] = [Violation(*violation) for violation in violations]
        """The fields of the input that are wrong."""
        self.causes: list[Cause] = list(causes)
        """The services that met it before this one, the nearest first."""
        self.trace: str | None = None if trace is None else str(trace)
        """The `traceparent` in which it happened."""
        self._spent = not temporary
        self._upstream: tuple[str, int | None, bool, int, str | None, bytes] | None = None

    @property
    def kind(self) -> str:
        """What went wrong, coarsely."""
        return self.code.kind

    @property
    def name(self) -> str:
        """The name of the code as it came, known or not."""
        return self._upstream[0] if self._upstream else self.code.value

    @property
    def number(self) -> int | None:
        """The number of the code as it came; a service may have left it out."""
        return self._upstream[1] if self._upstream else self.code.number

    @property
    def known(self) -> bool:
        """Whether this catalogue has the code."""
        return self._upstream[2] if self._upstream else True

    @property
    def http_status(self) -> int:
        """The HTTP status, 400 to 599."""
        return (self._upstream[3] if self._upstream else 0) or self.code.http_status

    @property
    def detail(self) -> str | None:
        """What the other service said about this occurrence."""
        return self._upstream[4] if self._upstream else None

    @property
    def trace_id(self) -> str | None:
        """The trace to quote in a report: 32 hexadecimal digits."""
        found = (self.upstream or {}).get("trace_id")
        return cast("str | None", found or (self.trace and self.trace[3:35]))

    @property
    def upstream(self) -> dict[str, Any] | None:
        """The whole document that the other service answered."""
        return cast("dict[str, Any]", json.loads(self._upstream[5])) if self._upstream else None

    @property
    def temporary(self) -> bool:
        """Whether the same call may succeed later and nobody has spent the retries."""
        return self.status == "temporary"

    @property
    def status(self) -> Literal["permanent", "persistent", "temporary"]:
        """Whether to try again: no; no, because the retries are spent; yes."""
        if not self.code.retryable:
            return "permanent"
        return "persistent" if self._spent else "temporary"

    def into_persistent(self: _E) -> _E:
        """Says that the retries are spent, so that nobody above repeats them. Returns the exception."""
        self._spent = True
        return self

    def to_problem(
        self, *, service: str | None = None, trace: object = None, instance: str | None = None
    ) -> bytes:
        """Returns the problem document (RFC 9457): what of the error may leave the process.

        `service` is the name of the one that answers; it goes before the causes. `trace` is the `traceparent` if
        the error has none of its own, `instance` a URI of this occurrence.
        """
        return cast(bytes, _maily.errors.problem(self._state(), _by(service, trace, instance)))

    def to_response(
        self, *, service: str | None = None, trace: object = None, instance: str | None = None
    ) -> Answer:
        """Returns the whole answer: status, headers and the problem document."""
        status, headers, body = _maily.errors.respond(self._state(), _by(service, trace, instance))
        return Answer(status, dict(headers), body)

    def __str__(self) -> str:
        where = f" at {self.operation}" if self.operation else ""
        context = "".join(f", {key}: {value}" for key, value in self.context.items())
        violations = "".join(f", {pointer}: {detail}" for pointer, detail, _ in self.violations)
        return f"{self.message} ({self.name}){where}{context}{violations}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, code={self.name!r})"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default, and exceptions travel between worker processes.
        return (_from_native, (self._state(),))

    def _state(self) -> _State:
        return {
            "code": self.code.value,
            "message": self.message,
            "operation": self.operation,
            "spent": self._spent,
            "retry_after": self.retry_after,
            "context": [(key, value, key in self.public) for key, value in self.context.items()],
            "violations": list(self.violations),
            "causes": list(self.causes),
            "trace": self.trace,
            "upstream": self._upstream,
        }


_E = TypeVar("_E", bound=MailyError)


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
for _kind, _class in _CLASSES.items():
    # The code that says no more than its kind has the same name.
    _class._code = _kind.replace("_", "-")


def from_problem(text: bytes | str) -> MailyError:
    """Reads a problem document (RFC 9457) into the exception of its kind. Never raises.

    A body that is not one gives the code `malformed-problem`.
    """
    return cast(MailyError, _maily.errors.from_problem(_bytes(text)))


def from_response(
    status: int, headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]], body: bytes | str
) -> MailyError:
    """Reads an answer of status 400 or more into the exception of its kind. Never raises.

    At most 64 KiB of JSON are read. The page of a proxy gives the code of its status for 408, 429, 502, 503 and 504,
    else `malformed-problem`.

    >>> error = from_response(503, {"Content-Type": "text/html", "Retry-After": "7"}, "<html>")
    >>> error.name, error.temporary, error.retry_after
    ('unavailable', True, 7.0)
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    known = ((_bytes(name).lower(), _bytes(value)) for name, value in pairs)
    wanted = [(name.decode(), value) for name, value in known if name in _HEADERS]
    return cast(MailyError, _maily.errors.from_response(status if 0 <= status < 1000 else 500, wanted, _bytes(body)))


_HEADERS = (b"content-type", b"retry-after", b"maily-causes")


def pointer(path: Iterable[str | int]) -> str:
    """Joins the steps of a path to a JSON Pointer (RFC 6901).

    >>> pointer(["a/b", 0, "~"])
    '/a~1b/0/~0'
    """
    return cast(str, _maily.errors.pointer([step if isinstance(step, str) else str(step) for step in path]))


def violations(errors: Iterable[Mapping[str, Any]], *, body: bool = False) -> list[Violation]:
    """Takes the violations out of `pydantic.ValidationError.errors()`; needs no pydantic.

    With `body` the first step of a path is dropped if it is "body", which FastAPI puts before the fields of a body.
    Neither the input nor its context is taken over.

    >>> violations([{"loc": ("items", 0, "price"), "msg": "Field required", "type": "missing"}])
    [Violation(pointer='/items/0/price', detail='Field required', code='missing')]
    """
    found = []
    for error in errors:
        path = list(error.get("loc", ()))
        if body and path[:1] == ["body"]:
            path = path[1:]
        found.append(Violation(pointer(path), str(error.get("msg", "")), error.get("type")))
    return found


def add_cause(cause: Cause, causes: Iterable[Cause]) -> list[Cause]:
    """Puts a service before those that met the error earlier.

    At most 8 stay, the first four and the last four. An entry with the same service, code and span is replaced, so a
    loop of services does not grow.

    >>> chain = add_cause(Cause("gateway", "unavailable"), [Cause("mesh", "no-node")])
    >>> format_causes(chain)
    '"gateway";code="unavailable", "mesh";code="no-node"'
    """
    return [Cause(*link) for link in _maily.errors.add_cause(tuple(cause), [tuple(link) for link in causes])]


def format_causes(causes: Iterable[Cause]) -> str:
    """Writes the header `maily-causes`, for answers that are not JSON. At most 2048 bytes."""
    return cast(str, _maily.errors.format_causes([tuple(link) for link in causes]))


def parse_causes(header: str) -> list[Cause]:
    """Reads the header `maily-causes`; what is not such a list gives none. Never raises."""
    return [Cause(*link) for link in _maily.errors.parse_causes(header)]


def _bytes(text: bytes | str) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)


def _plain(value: object) -> _Value:
    if isinstance(value, Secret):
        raise TypeError("a secret cannot explain an error")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    # A member of an enumeration would not survive the way to another process as what it is.
    return value if type(value) in (bool, float, int, str) else str(value)  # type: ignore[return-value]


def _by(service: str | None, trace: object, instance: str | None) -> dict[str, str | None]:
    return {"service": service, "trace": None if trace is None else str(trace), "instance": instance}


def _from_native(state: _State) -> MailyError:
    """Builds the exception of an error; the native module calls it."""
    code = Code(state["code"])
    error = _CLASSES[code.kind](
        state["message"],
        code=code,
        operation=state["operation"],
        temporary=not state["spent"],
        retry_after=state["retry_after"],
        context={key: value for key, value, public in state["context"] if not public},
        public={key: value for key, value, public in state["context"] if public},
        violations=[Violation(*violation) for violation in state["violations"]],
        causes=[Cause(*cause) for cause in state["causes"]],
        trace=state["trace"],
    )
    error._upstream = state["upstream"]
    return error
