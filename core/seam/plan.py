"""What is to be sent to whom, and what became of it: kept beside the message, so that an attempt can go on.

Pure. A delivery that has an outcome never changes again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal

import msgspec

from core.engine.policy import HeaderNames
from core.engine.stamp import stamp
from core.seam.smtp import Outcome

__all__ = ["BARE", "Delivery", "Plan", "Stamp", "fate_of"]

State = Literal["waiting", "sent", "refused"]
Fate = Literal["relaying", "relayed", "failed"]
BARE = HeaderNames(flag="", score="", status="", symbols="")
"""No headers of ours."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One address that gets the message.

    `recipient` is the envelope's, whose fate this is a part of. `via` is the domain whose exchangers take
    it, or empty for the downstream servers. `stamp` names the headers. `unsure`: it may have been taken.
    """

    recipient: str
    address: str
    via: str = ""
    stamp: str = ""
    state: State = "waiting"
    words: str = ""
    unsure: bool = False


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """The headers that go on top, and what is taken away (see `core.engine.stamp`)."""

    headers: tuple[tuple[str, str], ...]
    hostname: str
    names: dict[str, str]
    prefix: str = ""

    @classmethod
    def of(
        cls,
        headers: Iterable[tuple[str, str]],
        hostname: str,
        names: HeaderNames = BARE,
        prefix: str = "",
    ) -> "Stamp":
        return cls(headers=tuple(headers), hostname=hostname, names=asdict(names), prefix=prefix)

    def put_on(self, message: bytes) -> bytes:
        return stamp(message, self.headers, self.hostname, HeaderNames(**self.names), self.prefix)


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All deliveries of a message. `asked_by` is who wanted a release, as events name them."""

    deliveries: tuple[Delivery, ...] = ()
    stamps: dict[str, Stamp] = {}
    asked_by: dict[str, str] = {}

    @classmethod
    def read(cls, value: Any) -> "Plan":
        """Of what `kept` gave; nothing is an empty plan."""
        return cls() if value is None else msgspec.convert(value, cls)

    def kept(self) -> dict[str, Any]:
        """As JSON data."""
        made: dict[str, Any] = msgspec.to_builtins(self)
        return made

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        return tuple(one for one in self.deliveries if one.state == "waiting")

    @property
    def is_unsure(self) -> bool:
        """Whether one that waits may have arrived already."""
        return any(one.unsure for one in self.waiting)

    def groups(self) -> list[tuple[Delivery, ...]]:
        """What waits, by what can go in one mail transaction."""
        found: dict[tuple[str, str], list[Delivery]] = {}
        for one in self.waiting:
            found.setdefault((one.via, one.stamp), []).append(one)
        return [tuple(group) for group in found.values()]

    def told(self, group: Iterable[Delivery], outcomes: Mapping[str, Outcome]) -> "Plan":
        """With the outcomes of one transaction."""
        changed = {one: _after(one, outcomes[one.address]) for one in group}
        deliveries = tuple(changed.get(one, one) for one in self.deliveries)
        return msgspec.structs.replace(self, deliveries=deliveries)

    def doubted(self) -> "Plan":
        """As after an attempt whose end nobody saw."""
        deliveries = tuple(
            msgspec.structs.replace(one, unsure=True) if one.state == "waiting" else one
            for one in self.deliveries
        )
        return msgspec.structs.replace(self, deliveries=deliveries)

    def of_recipient(self, recipient: str) -> tuple[Delivery, ...]:
        return tuple(one for one in self.deliveries if one.recipient == recipient)


def fate_of(deliveries: Iterable[Delivery]) -> tuple[Fate, str]:
    """A recipient's fate from all their deliveries, and the words for it."""
    found = tuple(deliveries)
    words = "; ".join(dict.fromkeys(one.words for one in found if one.words))
    states = {one.state for one in found}
    if "waiting" in states:
        return "relaying", words
    return ("relayed" if "sent" in states else "failed"), words


def _after(one: Delivery, outcome: Outcome) -> Delivery:
    if one.state != "waiting":
        return one
    if outcome.state == "later":
        return msgspec.structs.replace(one, words=outcome.words, unsure=one.unsure or outcome.unsure)
    return msgspec.structs.replace(one, state=outcome.state, words=outcome.words, unsure=False)
