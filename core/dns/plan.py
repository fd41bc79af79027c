"""What to write for one kind of record: from what is expected and what the zone holds. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.dns.checks import missing_terms
from core.dns.discover import Discovery
from core.dns.dkim import same_key
from core.dns.dmarc import is_dmarc, only_record, parse_dmarc, weaker, writable
from core.dns.expected import Expected, Txt
from core.dns.names import same_name, within
from core.dns.provider import Record, ZoneRecord
from core.dns.spf import is_spf, syntax, with_terms

__all__ = ["PLANNERS", "Plan", "Wish", "Write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a plan is made from. `live` is the DMARC policy as the DNS shows it now; `is_named`: the caller
    asked for this very record, so that it may replace what others put there.
    """

    domain: str
    expected: Expected
    held: Sequence[ZoneRecord]
    live: Discovery
    is_named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A record to make, or to put over the one whose id is `over`."""

    record: Record
    over: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Removals come after the writes. `step` says in one line what is done, or why nothing is."""

    step: str
    writes: tuple[Write, ...] = ()
    removals: tuple[ZoneRecord, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.writes and not self.removals


def _of(wish: Wish, name: str, kind: str) -> list[ZoneRecord]:
    return [each for each in wish.held if each.record.type == kind and same_name(each.record.name, name)]


def _mx(wish: Wish) -> Plan:
    """All that is missing. Mail servers of others go only when `mx` was named: mail may be there."""
    wanted = {(each.priority, each.host.lower().rstrip(".")) for each in wish.expected.mx}
    held = {_mx_data(each): each for each in _of(wish, wish.domain, "MX")}
    if not wanted:
        return Plan(step="MX: the mail host names no servers")
    strangers = [each for data, each in held.items() if data not in wanted]
    ours = {host for _, host in wanted}
    foreign = [each for each in strangers if each.record.content not in ours]
    if foreign and not wish.is_named:
        names = ", ".join(sorted({each.record.content or "." for each in foreign}))
        return Plan(step=f"MX: {names} take this domain's mail now; name mx to replace them")
    missing = sorted(wanted - set(held))
    writes = tuple(_mx_write(wish.domain, each, strangers) for each in missing)
    reused = {write.over for write in writes}
    removals = tuple(each for each in strangers if each.id not in reused)
    if not writes and not removals:
        return Plan(step="MX: already as expected")
    step = f"MX: {len(writes)} written, {len(removals)} removed"
    return Plan(step=step, writes=writes, removals=removals)


def _mx_write(domain: str, wanted: tuple[int, str], strangers: Sequence[ZoneRecord]) -> Write:
    """Over the record of the same host with another priority, if there is one."""
    priority, host = wanted
    same = next((each.id for each in strangers if each.record.content == host), "")
    return Write(record=Record(type="MX", name=domain, content=host, priority=priority), over=same)


def _mx_data(each: ZoneRecord) -> tuple[int, str]:
    return each.record.priority or 0, each.record.content


def _spf(wish: Wish) -> Plan:
    """One record: what is there, plus what is missing. Nobody's senders are taken out."""
    needed = wish.expected.spf
    held = [each for each in _of(wish, wish.domain, "TXT") if is_spf(each.record.content)]
    texts = [each.record.content for each in held]
    if not needed:
        return Plan(step="SPF: the mail host names no record")
    sound = len(held) == 1 and syntax(texts[0])[1] == ""
    if sound and not missing_terms(needed, texts):
        return Plan(step="SPF: already holds what is expected")
    content = with_terms(texts, needed)
    over = held[0].id if held else ""
    write = Write(record=Record(type="TXT", name=wish.domain, content=content), over=over)
    return Plan(step=f"SPF: now {content}", writes=(write,), removals=tuple(held[1:]))


def _dkim(wish: Wish) -> Plan:
    wanted = wish.expected.dkim
    if wanted is None:
        return Plan(step="DKIM: the mail host has no key for this domain yet")
    return _text(wish, "DKIM", wanted, same=same_key)


def _verification(wish: Wish) -> Plan:
    wanted = wish.expected.verification
    if wanted is None:
        return Plan(step="Verification: the mail host asks for none")
    return _text(wish, "Verification", wanted, same=lambda one, other: one.strip() == other.strip())


def _text(wish: Wish, what: str, wanted: Txt, *, same: Callable[[str, str], bool]) -> Plan:
    """A TXT record alone at its name."""
    name = within(wanted.name, wish.domain)
    held = _of(wish, name, "TXT")
    good = [each for each in held if same(each.record.content, wanted.value)]
    if good and len(held) == 1:
        return Plan(step=f"{what}: already as expected")
    kept = good[0] if good else held[0] if held else None
    write = Write(record=Record(type="TXT", name=name, content=wanted.value), over=kept.id if kept else "")
    return Plan(
        step=f"{what}: {'replaced' if held else 'added'}",
        writes=() if good else (write,),
        removals=tuple(each for each in held if each is not kept),
    )


def _dmarc(wish: Wish) -> Plan:
    """The effective policy; but the default never weakens what a domain has without a policy of its own."""
    policy = wish.expected.dmarc
    name = f"_dmarc.{wish.domain}"
    bad = writable(policy.effective)
    if bad:
        return Plan(step=f"DMARC: not written, the policy has errors: {'; '.join(bad)}"[:500])
    held = [each for each in _of(wish, name, "TXT") if is_dmarc(each.record.content)]
    if len(held) == 1 and held[0].record.content.strip() == policy.effective.strip():
        return Plan(step="DMARC: already as expected")
    lost = () if policy.custom is not None else _lost(wish, [each.record.content for each in held])
    if lost:
        step = f"DMARC: kept, because the default is weaker ({'; '.join(lost)}); set a policy for this domain"
        return Plan(step=step[:500])
    write = Write(
        record=Record(type="TXT", name=name, content=policy.effective), over=held[0].id if held else ""
    )
    return Plan(step=f"DMARC: {'replaced' if held else 'added'}", writes=(write,), removals=tuple(held[1:]))


def _lost(wish: Wish, held: Sequence[str]) -> tuple[str, ...]:
    """What the default would take away: from each record that the zone holds, from what the DNS shows, and
    from what a domain above prescribes. While the DNS cannot be asked that is not known: nothing is written.
    """
    new = parse_dmarc(wish.expected.dmarc.default)
    if wish.live.trouble and only_record(held)[0] is None:
        return (f"what applies now cannot be told: {wish.live.trouble}",)
    lost = [loss for text in held for loss in weaker(new, parse_dmarc(text))]
    lost += [loss for text in wish.live.own for loss in weaker(new, parse_dmarc(text))]
    if wish.live.record is not None and wish.live.is_inherited:
        lost += weaker(new, wish.live.record, inherited=True)
    return tuple(dict.fromkeys(lost))


def _alias(wish: Wish, label: str, target: str) -> Plan:
    """A CNAME stands alone at its name: what else is there is in the way, and stays."""
    what, name = label.capitalize(), f"{label}.{wish.domain}"
    if not target:
        return Plan(step=f"{what}: no server is configured for it")
    held = _of(wish, name, "CNAME")
    if held and same_name(held[0].record.content, target):
        return Plan(step=f"{what}: already as expected")
    others = {each.record.type for each in wish.held if same_name(each.record.name, name)} - {"CNAME"}
    if others:
        return Plan(step=f"{what}: {name} has {', '.join(sorted(others))} records, remove them first")
    write = Write(record=Record(type="CNAME", name=name, content=target), over=held[0].id if held else "")
    return Plan(step=f"{what}: {name} now leads to {target}", writes=(write,))


def _mail(wish: Wish) -> Plan:
    return _alias(wish, "mail", wish.expected.mail_target)


def _webmail(wish: Wish) -> Plan:
    return _alias(wish, "webmail", wish.expected.webmail_target)


PLANNERS: Final[Mapping[str, Callable[[Wish], Plan]]] = {
    "verification": _verification,
    "mail": _mail,
    "mx": _mx,
    "spf": _spf,
    "dkim": _dkim,
    "dmarc": _dmarc,
    "webmail": _webmail,
}
"""In the order in which they are written."""
