"""Letting a held message go: relayed to its recipients as it came, once."""

from dataclasses import dataclass
from typing import Literal

from core.service.by import By
from core.service.core import Core
from core.store import quarantine
from hub.web.errors import NotFound

__all__ = ["Released", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a release came to. `again`: it had been released before, and nothing was sent now.

    `detail` are the downstream's own words. A release that failed is raised, not returned.
    """

    item: quarantine.Held
    state: Literal["released"]
    again: bool
    detail: str


async def release(
    core: Core, by: By, which: str | tuple[str, str], *, allow_sender: bool = False
) -> Released:
    """Relay a held message to its recipients and end its quarantine.

    Args:
        core: the service.
        by: who asks; the item must be of their tenant. Whether they may see its domain is for the caller.
        which: the item's id, or the node and queue id under which it lies there now.
        allow_sender: put its sender on the domain's safelist as well.

    Opens transactions of its own. Repeating it is safe: an item that was released is told as such (`again`).
    Raises `NotFound` (no such item, or discarded, or expired), `Conflict` (being released right now),
    `UpstreamFailed` (the downstream refuses it for good, its words in the details; state `release_failed`),
    `ServiceUnavailable` with Retry-After (the downstream cannot take it now; state `release_failed`, or
    `releasing` where it may have taken it: then the service goes on by itself).

    """
    raise NotFound(f"{core.node_id} releases nothing yet: {which} {by.tenant} {allow_sender}")
