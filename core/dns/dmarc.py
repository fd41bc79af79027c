"""DMARC policy records: RFC 7489 section 6.3 and its successor, RFC 9989 section 4.7 (np, t, psd; no pct)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from core.dns.tags import Tags, parse_tags

__all__ = ["Dmarc", "Policy", "is_dmarc", "only_record", "parse_dmarc", "weaker", "writable"]

Policy = Literal["none", "quarantine", "reject"]

_POLICIES: Final[dict[str, Policy]] = {"none": "none", "quarantine": "quarantine", "reject": "reject"}
_ORDER: Final[tuple[Policy, ...]] = ("none", "quarantine", "reject")
_KNOWN: Final = {"v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "rua", "ruf", "t", "pct", "rf", "ri"}
_HISTORIC: Final = ("pct", "rf", "ri")
_CHOICES: Final = {"adkim": "rs", "aspf": "rs", "t": "yn", "psd": "ynu"}
_MOST_CHARS: Final = 4_096
_ALL: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """A record as read. `p` is what applies to the domain itself; `None` when receivers pass it over.

    `sp` and `np` are what applies to existing and to non-existent subdomains, defaults filled in.
    `problems` are errors in the record, `warnings` what a person should know.
    """

    text: str
    p: Policy | None = None
    sp: Policy | None = None
    np: Policy | None = None
    adkim: str = "r"
    aspf: str = "r"
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()
    psd: str = "u"
    testing: bool = False
    pct: int = _ALL
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether receivers can follow it."""
        return self.p is not None and not self.problems


def is_dmarc(text: str) -> bool:
    """Whether a TXT record begins as a DMARC record must: `v=DMARC1`, the value in capitals."""
    first = text[:_MOST_CHARS].partition(";")[0]
    name, equals, value = first.partition("=")
    return bool(equals) and name.strip().lower() == "v" and value.strip() == "DMARC1"


def only_record(texts: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    """The DMARC record among TXT records and all candidates; with two or more none counts (RFC 9989 4.10)."""
    candidates = tuple(text for text in texts if is_dmarc(text))
    return (candidates[0] if len(candidates) == 1 else None), candidates


def parse_dmarc(text: str) -> Dmarc:
    """Read a record. Never raises: what is wrong stands in `problems`."""
    if not is_dmarc(text):
        return Dmarc(text=text, problems=("no DMARC record: it must begin with v=DMARC1",))
    if len(text) > _MOST_CHARS:
        return Dmarc(text=text, problems=(f"longer than {_MOST_CHARS} characters",))
    tags = parse_tags(text)
    problems = [*tags.problems, *_bad_policies(tags), *_bad_choices(tags)]
    rua, bad_rua = _addresses(tags.get("rua"), "rua")
    ruf, bad_ruf = _addresses(tags.get("ruf"), "ruf")
    pct, bad_pct = _percent(tags.get("pct"))
    own = _applied(tags, has_address=bool(rua))
    below = _POLICIES.get(_low(tags, "sp")) or own
    return Dmarc(
        text=text,
        p=own,
        sp=below if own else None,
        np=(_POLICIES.get(_low(tags, "np")) or below) if own else None,
        adkim="s" if _low(tags, "adkim") == "s" else "r",
        aspf="s" if _low(tags, "aspf") == "s" else "r",
        rua=rua,
        ruf=ruf,
        psd=_low(tags, "psd") if _low(tags, "psd") in ("y", "n") else "u",
        testing=_low(tags, "t") == "y",
        pct=pct,
        problems=(*problems, *bad_rua, *bad_ruf, *bad_pct),
        warnings=_warnings(tags),
    )


def writable(text: str) -> tuple[str, ...]:
    """Why this record should not be published; nothing when it may. Stricter than reading: `p` must stand."""
    record = parse_dmarc(text)
    found = list(record.problems)
    if not text.isascii() or not text.isprintable():
        found.append("a record holds printable ASCII only")
    if not found and parse_tags(text).get("p") is None:
        found.append("p is missing: write p=none, p=quarantine or p=reject")
    return tuple(found)


def weaker(new: Dmarc, old: Dmarc, *, inherited: bool = False) -> tuple[str, ...]:
    """What the domain would lose if `new` replaced `old`; nothing when `new` is at least as strict.

    `inherited`: `old` is the record of a domain above, whose `sp` is what applies here so far.
    """
    if old.p is None:
        return ()
    before = [("p", new.p, old.sp if inherited else old.p)]
    if not inherited:
        before += [("sp", new.sp, old.sp), ("np", new.np, old.np)]
    lost = [
        f"{tag}={then} would become {tag}={now or 'none'}"
        for tag, now, then in before
        if _force(now, new) < _force(then, old)
    ]
    lost += [
        f"{tag}=s would become {tag}=r"
        for tag, now, then in (("adkim", new.adkim, old.adkim), ("aspf", new.aspf, old.aspf))
        if (now, then) == ("r", "s")
    ]
    gone = sorted({*old.rua, *old.ruf} - {*new.rua, *new.ruf})
    return tuple(lost + [f"reports to {address} would end" for address in gone if not inherited])


def _force(policy: Policy | None, record: Dmarc) -> float:
    """How much of the failing mail meets how much: t=y lowers a policy by one level, pct by its share."""
    level = _ORDER.index(policy or "none")
    if level and record.testing:
        level -= 1
    return level - 1 + record.pct / _ALL if level and record.pct < _ALL else level


def _applied(tags: Tags, *, has_address: bool) -> Policy | None:
    """RFC 9989 4.10.1: with a bad p, sp or np a record counts as p=none when it names an address for reports,
    and not at all when it does not. One without p counts as p=none, other errors are passed over (4.7).
    """
    if _bad_policies(tags):
        return "none" if has_address else None
    return _POLICIES[_low(tags, "p") or "none"]


def _low(tags: Tags, name: str) -> str:
    return (tags.get(name) or "").lower()


def _bad_policies(tags: Tags) -> list[str]:
    return [
        f"{tag}={value[:40]} is no policy: none, quarantine or reject"
        for tag in ("p", "sp", "np")
        if (value := tags.get(tag)) is not None and value.lower() not in _POLICIES
    ]


def _bad_choices(tags: Tags) -> list[str]:
    return [
        f"{tag}={value[:40]} is not known: {' or '.join(choices)}"
        for tag, choices in _CHOICES.items()
        if (value := tags.get(tag)) is not None and (len(value) != 1 or value.lower() not in choices)
    ]


def _addresses(value: str | None, tag: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Report addresses, lower case, without RFC 7489's size limit after `!`."""
    if value is None:
        return (), ()
    parts = [part.strip() for part in value.split(",")]
    good = tuple(part.lower().partition("!")[0] for part in parts if _is_mailto(part))
    bad = tuple(f"{tag}: {part[:60]!r} is no mailto: address" for part in parts if not _is_mailto(part))
    return good, bad


def _is_mailto(uri: str) -> bool:
    scheme, colon, rest = uri.partition(":")
    local, at, domain = rest.partition("!")[0].rpartition("@")
    return bool(colon and at and local and "." in domain) and scheme.lower() == "mailto" and " " not in rest


def _percent(value: str | None) -> tuple[int, tuple[str, ...]]:
    if value is None:
        return _ALL, ()
    if value.isascii() and value.isdecimal() and len(value) <= 3 and int(value) <= _ALL:  # noqa: PLR2004
        return int(value), ()
    return _ALL, (f"pct={value[:10]} is no number from 0 to 100",)


def _warnings(tags: Tags) -> tuple[str, ...]:
    found = [
        f"{tag} is history: RFC 9989 took it out, older receivers still follow it"
        for tag in _HISTORIC
        if tags.get(tag)
    ]
    found += [f"the tag {name} is not known and is ignored" for name, _ in tags.pairs if name not in _KNOWN]
    if tags.get("p") is None:
        found.append("p is missing: receivers take it as p=none")
    if _low(tags, "t") == "y":
        found.append("t=y: receivers apply one level less than the policy says")
    return tuple(found)
