"""Which DMARC record applies to a domain: its own, or one from above (the tree walk of RFC 9989 4.10)."""

from dataclasses import dataclass

from core.dns.answers import Resolver
from core.dns.dmarc import Dmarc, only_record, parse_dmarc

__all__ = ["Discovery", "discover"]

_MOST_QUERIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """`record` is what applies; `at` the domain that publishes it. `own` are all DMARC records of the domain
    itself (several make each other void). `trouble` says why this is not known now.
    """

    record: Dmarc | None = None
    at: str = ""
    own: tuple[str, ...] = ()
    is_inherited: bool = False
    trouble: str = ""


async def discover(domain: str, dns: Resolver) -> Discovery:
    """At most eight look-ups. Raises nothing."""
    found: list[tuple[str, Dmarc]] = []
    own: tuple[str, ...] = ()
    for name in _walk(domain):
        answer = await dns.lookup(f"_dmarc.{name}", "TXT")
        if answer.is_failed:
            return Discovery(own=own, trouble=f"_dmarc.{name}: {answer.reason}")
        text, candidates = only_record(answer.values)
        own = candidates if name == domain else own
        if text is None:
            continue
        record = parse_dmarc(text)
        if name == domain:
            return Discovery(record=record, at=name, own=own)
        found.append((name, record))
        if record.psd in ("y", "n"):
            break
    return _inherited(found, own)


def _walk(domain: str) -> list[str]:
    """The domain, then the domains above; of a long name the middle is left out (RFC 9989 4.10 step 4)."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) <= _MOST_QUERIES else labels[-(_MOST_QUERIES - 1) :]
    return [domain, *(".".join(above[start:]) for start in range(len(above)))]


def _inherited(found: list[tuple[str, Dmarc]], own: tuple[str, ...]) -> Discovery:
    """The organisational domain is the one that says psd=n, else the highest of those that say nothing; the
    record of a public suffix (psd=y) applies only when there is no other.
    """
    if not found:
        return Discovery(own=own)
    below = [each for each in found if each[1].psd != "y"]
    at, record = below[-1] if below else found[-1]
    return Discovery(record=record, at=at, own=own, is_inherited=True)
