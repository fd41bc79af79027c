"""The DNS of a made world: who sends, who is filtered, and nothing else."""

from collections.abc import Sequence
from typing import Final

from core.dns.answers import Answer
from core.sandbox.recipes import KNOWN_SENDERS, good_host
from core.store.clock import Clock

__all__ = ["MadeNames"]

_SPELL_MS: Final = 15 * 60_000
_TTL_S: Final = 300.0
_EMPTY, _ABSENT = Answer(state="empty"), Answer(state="absent")


class MadeNames:
    """A resolver of made names; every other name does not exist, and nothing goes out to a network.

    Of the filtered `domains` the last one has a careless administrator: its SPF record is gone every second
    quarter of an hour, so that looks at its records find something.
    """

    def __init__(self, domains: Sequence[str], clock: Clock) -> None:
        self._domains = tuple(domains)
        self._clock = clock
        self._known = {name: records for each in KNOWN_SENDERS for name, records in _sender(each).items()}
        for each in domains:
            self._known |= _filtered(each)

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        plain = name.rstrip(".").lower()
        records = self._known.get(plain)
        if records is None:
            return _ABSENT
        values = () if self._is_missing(plain, rtype) else records.get(rtype, ())
        if not values:
            return _EMPTY
        priorities = (10,) * len(values) if rtype == "MX" else ()
        return Answer(state="found", values=values, priorities=priorities, ttl_s=_TTL_S)

    def _is_missing(self, name: str, rtype: str) -> bool:
        careless = self._domains[-1] if self._domains else ""
        return rtype == "TXT" and name == careless and self._clock() // _SPELL_MS % 2 == 1


_Zone = dict[str, dict[str, tuple[str, ...]]]


def _sender(domain: str) -> _Zone:
    host, address = good_host(domain)
    return {
        domain: {"MX": (host,), "TXT": (f"v=spf1 ip4:{address} -all",), "A": (address,)},
        host: {"A": (address,)},
        f"_dmarc.{domain}": {"TXT": ("v=DMARC1; p=none",)},
    }


def _filtered(domain: str) -> _Zone:
    host = f"mx1.{domain}"
    return {
        domain: {"MX": (host,), "TXT": ("v=spf1 mx -all",), "A": ("192.0.2.10",)},
        host: {"A": ("192.0.2.11",)},
        f"mail.{domain}": {"A": ("192.0.2.12",)},
        f"_dmarc.{domain}": {"TXT": ("v=DMARC1; p=quarantine",)},
    }
