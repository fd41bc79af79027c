"""What a scan is given besides the message: settings and lists as data, and what it may use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.dns.answers import Resolver
from core.engine.classifier import State
from core.engine.lists import Entry
from core.engine.policy import DomainPolicy
from hub.sdk.offload import Offload

__all__ = ["MAX_MESSAGE_BYTES", "ScanContext"]

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
DNS_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanContext:
    """What a scan may know and use. All recipients of a message are of one domain: its `policy` holds.

    `workers` are the threads for what takes long; `clock` gives an aware time; `hostname` names this service
    in Authentication-Results.
    `lists` are the entries of the account, of the domain and of the recipients; `unfiltered` are recipients
    (lower case, without a tag) that want no filtering; `listed` says whether the client's address has a bad
    reputation here;
    `own_domains` are those of whoever holds the recipients' domain; `classifier` is the tenant's, or None.
    """

    resolver: Resolver
    workers: Offload
    clock: Callable[[], datetime]
    hostname: str
    policy: DomainPolicy = field(default_factory=DomainPolicy)
    lists: Sequence[Entry] = ()
    unfiltered: frozenset[str] = frozenset()
    own_domains: frozenset[str] = frozenset()
    listed: bool = False
    classifier: State | None = None
    dns_deadline_s: float = DNS_DEADLINE_S
    max_bytes: int = MAX_MESSAGE_BYTES
