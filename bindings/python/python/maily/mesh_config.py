"""The settings of a mesh as types: what `maily.mesh.Mesh` takes, with the names of `[mesh]` in a settings file.

Every key may be left out; an unknown one, or a number out of its range, is a `maily.errors.Invalid` that says where.
`maily.mesh.default_config()` returns all of them with the values that hold where nothing else is said.

    >>> from maily.mesh import Mesh
    >>> from maily.mesh_config import MeshConfig
    >>> config: MeshConfig = {"retry": {"attempts": 2}, "deadline": {"first_token_ms": 20_000}}
    >>> mesh = Mesh(config=config, nodes=[{"name": "local", "url": "echo:"}])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

__all__ = [
    "BalanceConfig",
    "CacheConfig",
    "DeadlineConfig",
    "GossipConfig",
    "HedgeConfig",
    "KeyConfig",
    "KubernetesConfig",
    "LimitConfig",
    "MemoriesConfig",
    "MeshConfig",
    "NodeConfig",
    "PriceConfig",
    "RecallConfig",
    "ReplayConfig",
    "ResumeConfig",
    "RetryConfig",
    "ShedConfig",
    "SimilarConfig",
]


class _NodeConfig(TypedDict):
    name: str
    url: str


class NodeConfig(_NodeConfig, total=False):
    """A node: where it is and what it serves."""

    models: Sequence[str]
    rename: Mapping[str, str]
    native: Sequence[Literal["chat", "completions", "messages", "responses"]]
    counts: Sequence[Literal["responses", "messages"]]
    connect_ms: int | None
    key: str | None
    weight: float
    canary_pct: float
    capacity: int | None
    price: float | None
    zone: str | None


class BalanceConfig(TypedDict, total=False):
    """How prompts are spread over the nodes."""

    load_factor: float
    prefixes: int
    zone: str | None
    away_factor: float
    slower_factor: float
    breaker_share: float
    breaker_calls: int
    breaker_open_ms: int


class SimilarConfig(TypedDict, total=False):
    """When the answer to a similar prompt is given."""

    enabled: bool
    max_wrong: float
    agree: float
    max_text_bytes: int
    timeout_ms: int
    max_entries: int
    max_bytes: int


class CacheConfig(TypedDict, total=False):
    """What is answered from memory."""

    enabled: bool
    which: Literal["repeatable", "all"]
    tools: bool
    ttl_ms: int
    max_entries: int
    max_bytes: int
    max_answer_bytes: int
    ignored: Sequence[str]
    similar: SimilarConfig


class DeadlineConfig(TypedDict, total=False):
    """How long a node may be silent, in milliseconds."""

    connect_ms: int
    headers_ms: int
    first_token_ms: int
    between_ms: int
    whole_ms: int
    total_ms: int


class GossipConfig(TypedDict, total=False):
    """What other instances of this mesh are told, and where they are; with a `key` this one takes part."""

    key: str | None
    listen: str
    advertise: str | None
    name: str
    seeds: Sequence[str]


class HedgeConfig(TypedDict, total=False):
    """When to ask a second node, because the first one is slow to begin."""

    enabled: bool
    min_wait_ms: int
    unknown_wait_ms: int


class _KeyConfig(TypedDict):
    name: str


class KeyConfig(_KeyConfig, total=False):
    """A key: who it is, and what it may."""

    secret: str | None
    sha256: str | None
    tenant: str | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent: int | None
    budget_micros: int | None
    per: Literal["minute", "day", "month", "total"]
    models: Sequence[str]
    priority: Literal["interactive", "standard", "batch"]
    answer_tokens: int


class PriceConfig(TypedDict):
    """What a model costs: a million tokens of prompts, and of answers."""

    model: str
    input: float
    output: float


class LimitConfig(TypedDict, total=False):
    """Who may spend how much, and with whom that is shared: `redis` needs `accounts` of the mesh, `gossip` its key."""

    keys: Sequence[KeyConfig]
    shared: Literal["gossip", "nobody", "redis"]
    owners: Sequence[str]
    prices: Sequence[PriceConfig]


class MemoriesConfig(TypedDict, total=False):
    """How much is remembered."""

    per_tenant: int
    total: int
    max_bytes: int
    when_full: Literal["oldest", "refuse"]
    exact: int


class RecallConfig(TypedDict, total=False):
    """What is worth recalling into a prompt."""

    limit: int
    min_score: float
    budget_tokens: int
    timeout_ms: int


class ReplayConfig(TypedDict, total=False):
    """How much of numbered streams to keep for readers who come back."""

    stream_bytes: int
    total_bytes: int
    streams: int
    keep_s: int
    shared: bool


class ResumeConfig(TypedDict, total=False):
    """How far to continue a stream that breaks off."""

    attempts: int
    max_bytes: int


class RetryConfig(TypedDict, total=False):
    """When and how often to repeat a prompt."""

    attempts: int
    max_wait_ms: int
    share_pct: int
    reserve_tokens: int


class ShedConfig(TypedDict, total=False):
    """How much is taken on at once."""

    max_inflight: int
    adaptive: bool
    min_inflight: int
    queue_ms: int
    max_queue: int


class MeshConfig(TypedDict, total=False):
    """The settings of a mesh: the sections of `[mesh]` in a settings file."""

    balance: BalanceConfig
    cache: CacheConfig
    deadline: DeadlineConfig
    gossip: GossipConfig
    hedge: HedgeConfig
    limit: LimitConfig
    memories: MemoriesConfig
    nodes: Sequence[NodeConfig]
    recall: RecallConfig
    replay: ReplayConfig
    resume: ResumeConfig
    retry: RetryConfig
    shed: ShedConfig


class _KubernetesConfig(TypedDict):
    service: str


class KubernetesConfig(_KubernetesConfig, total=False):
    """A service of Kubernetes whose pods are nodes: `[nodes.kubernetes]` in a settings file."""

    namespace: str | None
    port: str | None
    scheme: str
    path: str
    models: Sequence[str]
    key: str | None
    api: str | None
    token_file: str
    ca_file: str
