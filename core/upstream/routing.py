"""Who gets a message, by what the mail host holds: what the seam asks before it relays. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.upstream.provider import CatchAll

__all__ = ["Hosting", "Route", "route"]

_MOST_STEPS = 20
_MOST_ADDRESSES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """What decides in one domain. `mailboxes` are local parts; suspended ones take no mail."""

    domain: str
    mailboxes: frozenset[str] = frozenset()
    suspended: frozenset[str] = frozenset()
    forwarders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    catch_all: CatchAll = field(default_factory=CatchAll)
    aliases: frozenset[str] = frozenset()
    """Other domains with the same mailboxes."""
    is_hosting: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`deliver` to `addresses` (mailboxes here, or addresses elsewhere), `discard` silently, or `refuse`.

    `reason` is for the bounce and the log.
    """

    fate: Literal["deliver", "discard", "refuse"]
    addresses: tuple[str, ...] = ()
    reason: str = ""


def route(recipient: str, host: Hosting) -> Route:
    """Follow forwarders inside the domain to their end.

    A forwarder goes before a mailbox of the same name, except where it names itself: then both get the mail.
    `name+tag` is `name` where nothing has that very name. A loop of forwarders ends; when nothing but the
    loop is left the message is refused.
    """
    local, _, domain = recipient.lower().rpartition("@")
    if not host.is_hosting or domain not in {host.domain, *host.aliases}:
        return Route(fate="refuse", reason=f"mail for {domain} is not taken here")
    walk = _Walk(host)
    walk.follow(local)
    return walk.end()


@dataclass(slots=True)
class _Walk:
    host: Hosting
    seen: set[str] = field(default_factory=set)
    found: dict[str, None] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    discards: bool = False

    def follow(self, local: str) -> None:
        name = self._known(local)
        if name in self.seen or len(self.seen) >= _MOST_STEPS:
            self._deliver(name, "the forwarders lead in a circle")
            return
        self.seen.add(name)
        destinations = self.host.forwarders.get(name)
        if destinations is not None:
            for each in destinations:
                self._go(each)
        elif name in self.host.mailboxes:
            self._deliver(name, "")
        else:
            self._nobody(name)

    def end(self) -> Route:
        if self.found:
            return Route(fate="deliver", addresses=tuple(self.found)[:_MOST_ADDRESSES])
        if self.discards:
            return Route(fate="discard", reason="the address takes mail and throws it away")
        return Route(fate="refuse", reason=(self.refusals or ["there is no such address"])[0])

    def _known(self, local: str) -> str:
        plain = local.partition("+")[0]
        names = (local, plain) if plain else (local,)
        return next(
            (name for name in names if name in self.host.forwarders or name in self.host.mailboxes), local
        )

    def _go(self, destination: str) -> None:
        text = destination.lower()
        local, _, domain = text.rpartition("@")
        if text == ":blackhole:":
            self.discards = True
        elif text == ":fail:":
            self.refusals.append("the address takes no mail")
        elif domain in {self.host.domain, *self.host.aliases}:
            self.follow(local)
        else:
            self.found[destination] = None

    def _deliver(self, name: str, why_not: str) -> None:
        if name in self.host.suspended:
            self.refusals.append("the mailbox is suspended")
        elif name in self.host.mailboxes:
            self.found[f"{name}@{self.host.domain}"] = None
        else:
            self.refusals.append(why_not)

    def _nobody(self, name: str) -> None:
        catch_all = self.host.catch_all
        if catch_all.kind == "blackhole":
            self.discards = True
        elif catch_all.kind == "address" and catch_all.address.lower() != f"{name}@{self.host.domain}":
            self._go(catch_all.address)
        else:
            self.refusals.append("there is no such address")
