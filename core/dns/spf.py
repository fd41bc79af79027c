"""SPF records (RFC 7208): their syntax, and what a receiver has to look up for them at worst."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from spftrace import SpfPermError, Term, parse

from core.dns.answers import Answer, Resolver

__all__ = ["Spf", "inspect_spf", "is_end", "is_spf", "syntax", "terms_of", "with_terms"]

MOST_LOOKUPS: Final = 10
MOST_VOID: Final = 2
_MOST_MX: Final = 10
_MOST_CHARS: Final = 8_192
_STOP: Final = 60
"""A record over the limit is counted this far, so that its owner sees by how much; then the walk ends."""
_ASKING: Final = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spf:
    """What was found. `is_valid` is `None` while trouble of the DNS keeps it unknown.

    `lookups` and `void_lookups` count as RFC 7208 section 4.6.4 does, for mail that no term matches.
    """

    found: bool | None = False
    record: str | None = None
    candidates: tuple[str, ...] = ()
    is_valid: bool | None = False
    lookups: int = 0
    void_lookups: int = 0
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    trouble: str = ""


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record: `v=spf1`, then a space or the end (RFC 7208 4.5)."""
    return text[:6].lower() == "v=spf1" and text[6:7] in ("", " ")


def syntax(text: str) -> tuple[Sequence[Term], str]:
    """The terms of a record, or none and what is wrong with it. Never raises."""
    if len(text) > _MOST_CHARS:
        return (), f"longer than {_MOST_CHARS} characters"
    try:
        return parse(text).terms, ""
    except (SpfPermError, ValueError, IndexError) as error:
        return (), str(error)[:200] or "not an SPF record"


def terms_of(text: str) -> tuple[str, ...]:
    """The words of a record after its version, as they stand."""
    return tuple(text.split()[1:])


def with_terms(records: Iterable[str], needed: str) -> str:
    """One record that says what all of `records` say and what `needed` says besides.

    Terms that are no SPF are left out. The first `all` or `redirect` of the records stays, else `needed`'s.
    """
    texts = [*records, needed]
    words = [word for text in texts for word in terms_of(text) if syntax(f"v=spf1 {word}")[1] == ""]
    ends = [word for word in words if is_end(word)]
    middle = list(dict.fromkeys(word for word in words if not is_end(word)))
    missing = [word for word in terms_of(needed) if word in middle]
    kept = [word for word in middle if word not in missing]
    return " ".join(("v=spf1", *missing, *kept, *ends[:1]))


async def inspect_spf(domain: str, dns: Resolver) -> Spf:
    """Find the domain's record and follow it to the end. Raises nothing."""
    answer = await dns.lookup(domain, "TXT")
    if answer.is_failed:
        return Spf(found=None, is_valid=None, trouble=answer.reason)
    candidates = tuple(text for text in answer.values if is_spf(text))
    if not candidates:
        return Spf()
    if len(candidates) > 1:
        problem = f"{len(candidates)} SPF records: a domain has one, with several none counts"
        return Spf(found=True, candidates=candidates, problems=(problem,))
    walk = _Walk(dns)
    await walk.record(domain, candidates[0], (domain,))
    return walk.outcome(candidates[0])


@dataclass(slots=True)
class _Walk:
    """One walk over a record and the records that it includes."""

    dns: Resolver
    lookups: int = 0
    void: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    trouble: str = ""

    def outcome(self, record: str) -> Spf:
        if self.lookups > MOST_LOOKUPS:
            more = "or more " if self.lookups >= _STOP else ""
            self.problems.append(f"{self.lookups} {more}look-ups: receivers stop after {MOST_LOOKUPS}")
        if self.void > MOST_VOID:
            self.problems.append(f"{self.void} look-ups find nothing: receivers stop after {MOST_VOID}")
        return Spf(
            found=True,
            record=record,
            candidates=(record,),
            is_valid=False if self.problems else None if self.trouble else True,
            lookups=self.lookups,
            void_lookups=self.void,
            problems=tuple(dict.fromkeys(self.problems)),
            warnings=tuple(dict.fromkeys(self.warnings)),
            trouble=self.trouble,
        )

    async def record(self, domain: str, text: str, path: tuple[str, ...]) -> None:
        terms, wrong = syntax(text)
        if wrong:
            self.problems.append(f"{domain}: {wrong}")
            return
        stops = any(term.name == "all" for term in terms)
        if domain == path[0]:
            self._judge(terms)
        for term in terms:
            if self.lookups >= _STOP:
                return
            if term.name in _ASKING and not (term.name == "redirect" and stops):
                self.lookups += 1
                await self._follow(term, domain, path)

    def _judge(self, terms: Sequence[Term]) -> None:
        ends = [term for term in terms if term.name == "all"]
        if ends and ends[0].qualifier == "+":
            self.warnings.append("+all lets everybody send as this domain")
        if ends and ends[0].qualifier == "?":
            self.warnings.append("?all says nothing about other senders")
        if not ends and not any(term.name == "redirect" for term in terms):
            self.warnings.append("no all at the end: other senders are neutral")
        if any(term.name == "ptr" for term in terms):
            self.warnings.append("ptr is deprecated (RFC 7208 section 5.5)")

    async def _follow(self, term: Term, domain: str, path: tuple[str, ...]) -> None:
        target = (term.arg or domain).lower().rstrip(".")
        if "%" in target or term.name in ("ptr", "exists"):
            return  # depends on the message
        if term.name in ("include", "redirect"):
            await self._enter(term.name, target, path)
        elif term.name == "mx":
            self._note(await self.dns.lookup(target, "MX"), f"mx:{target}", most=_MOST_MX)
        else:
            first = await self.dns.lookup(target, "A")
            missing = not first.is_failed and not first.values
            self._note(await self.dns.lookup(target, "AAAA") if missing else first, f"a:{target}")

    async def _enter(self, word: str, target: str, path: tuple[str, ...]) -> None:
        if target in path:
            self.problems.append(f"{word} of {target} leads back to itself")
            return
        answer = await self.dns.lookup(target, "TXT")
        self._note(answer, f"{word}:{target}")
        records = [text for text in answer.values if is_spf(text)]
        if answer.is_failed:
            return
        if len(records) == 1:
            await self.record(target, records[0], (*path, target))
        else:
            what = "no SPF record" if not records else f"{len(records)} SPF records"
            self.problems.append(f"{word}:{target}: {what} there")

    def _note(self, answer: Answer, what: str, *, most: int | None = None) -> None:
        if answer.is_failed:
            self.trouble = self.trouble or f"{what}: {answer.reason}"
        elif not answer.values:
            self.void += 1
        elif most is not None and len(answer.values) > most:
            self.problems.append(f"{what}: {len(answer.values)} mail servers, receivers stop after {most}")


def is_end(word: str) -> bool:
    """Whether a word decides about all who are left: `all`, or `redirect` to another record."""
    return word.lower().lstrip("+-~?") == "all" or word.lower().startswith("redirect=")
