"""The checks of mail records that decide about a domain's health: MX, SPF, DKIM, DMARC."""

from collections.abc import Sequence

from core.dns.answers import Answer, Resolver
from core.dns.check import Check, Status, clipped, unasked
from core.dns.discover import Discovery, discover
from core.dns.dkim import DkimKey, parse_dkim, same_key
from core.dns.dmarc import parse_dmarc
from core.dns.expected import DmarcPolicy, Expected
from core.dns.names import within
from core.dns.spf import Spf, inspect_spf, is_end, terms_of

__all__ = [
    "DKIM",
    "DMARC",
    "MX",
    "SPF",
    "check_dkim",
    "check_dmarc",
    "check_mx",
    "check_spf",
    "missing_terms",
]

MX, SPF, DKIM, DMARC = "MX records", "SPF (TXT)", "DKIM (TXT)", "DMARC (TXT)"
_MOST_HOSTS = 10
_SELECTOR = "x"


async def check_mx(domain: str, expected: Expected, dns: Resolver) -> Check:
    """The mail servers, exactly those expected; each must have an address."""
    answer = await dns.lookup(domain, "MX")
    wanted = sorted((each.priority, each.host.lower().rstrip(".")) for each in expected.mx)
    if answer.is_failed:
        return unasked(MX, answer, host=domain)
    found = sorted(zip(answer.priorities, answer.values, strict=True))
    status, message = _judge_mx(wanted, found)
    if status == "pass":
        homeless = await _homeless([host for _, host in found], dns)
        if homeless:
            status, message = "warn", f"No address is known for {', '.join(homeless)}"
    return Check(
        status=status,
        label=MX,
        message=message,
        host=domain,
        expected=[_as_mx(each) for each in wanted],
        found=tuple(_as_mx(each) for each in found[:_MOST_HOSTS]),
    )


def _judge_mx(wanted: list[tuple[int, str]], found: list[tuple[int, str]]) -> tuple[Status, str]:
    if not found:
        return "fail", "There is no MX record"
    if all(not host for _, host in found):
        return "fail", "A null MX says that this domain takes no mail (RFC 7505)"
    if wanted and wanted != found:
        return "fail", "The MX records are not those expected"
    return "pass", "The MX records are as expected" if wanted else "There are MX records"


async def _homeless(hosts: Sequence[str], dns: Resolver) -> list[str]:
    """Hosts of which it is certain that they have no address."""
    found = []
    for host in hosts[:_MOST_HOSTS]:
        answers = [await dns.lookup(host, kind) for kind in ("A", "AAAA")]
        if all(not each.is_failed and not each.values for each in answers):
            found.append(host)
    return found


def _as_mx(each: tuple[int, str]) -> dict[str, object]:
    return {"priority": each[0], "hostname": each[1]}


async def check_spf(domain: str, expected: Expected, dns: Resolver) -> Check:
    """One valid record within the limits of RFC 7208 that holds every term that is expected; more is fine."""
    spf = await inspect_spf(domain, dns)
    if spf.found is None:
        return unasked(SPF, spf.trouble, host=domain)
    status, message = _judge_spf(spf, missing_terms(expected.spf, spf.candidates))
    return Check(
        status=status,
        label=SPF,
        message=message,
        host=domain,
        expected=expected.spf or None,
        found=clipped(spf.candidates),
        is_temporary=status == "pending",
    )


def _judge_spf(spf: Spf, missing: Sequence[str]) -> tuple[Status, str]:
    if not spf.found:
        return "fail", "There is no SPF record"
    if spf.problems:
        return "fail", f"Receivers cannot use the SPF record: {'; '.join(spf.problems)}"[:500]
    if missing:
        return "fail", f"The SPF record lacks {', '.join(missing)}"
    if spf.trouble:
        return "pending", f"Cannot be checked to the end now: {spf.trouble}"
    count = f"{spf.lookups} of 10 look-ups"
    return (
        ("warn", f"{'; '.join(spf.warnings)} ({count})")
        if spf.warnings
        else ("pass", f"SPF is as expected ({count})")
    )


def missing_terms(needed: str, records: Sequence[str]) -> tuple[str, ...]:
    """The mechanisms of `needed`, without its end, that no record has."""
    there = {_plain(word) for record in records for word in terms_of(record)}
    return tuple(word for word in terms_of(needed) if not is_end(word) and _plain(word) not in there)


def _plain(word: str) -> str:
    return word.lower().lstrip("+").rstrip(".")


async def check_dkim(domain: str, expected: Expected, dns: Resolver) -> Check:
    """The key of the expected selector; what is wrong with it is a warning."""
    wanted = expected.dkim
    host = within(wanted.name if wanted else f"{_SELECTOR}._domainkey", domain)
    answer = await dns.lookup(host, "TXT")
    if answer.is_failed:
        return unasked(DKIM, answer, host=host)
    status, message = _judge_dkim(wanted.value if wanted else "", answer)
    expects = wanted.value if wanted else None
    return Check(
        status=status, label=DKIM, message=message, host=host, expected=expects, found=clipped(answer.values)
    )


def _judge_dkim(wanted: str, answer: Answer) -> tuple[Status, str]:
    if not answer.values:
        return "warn", "There is no DKIM key"
    if len(answer.values) > 1:
        return "warn", f"There are {len(answer.values)} records where one key must stand"
    key = parse_dkim(answer.values[0])
    said = _objection(key)
    if said:
        return "warn", said
    if wanted and not same_key(wanted, key.text):
        return "warn", "The DKIM key is not the one expected"
    size = f"{key.bits} bits" if key.bits else key.kind
    return "pass", f"The DKIM key is {'as expected' if wanted else 'there'} ({size})"


def _objection(key: DkimKey) -> str:
    if key.is_revoked:
        return "The DKIM key is revoked"
    if key.problems:
        return f"Receivers cannot use the DKIM key: {'; '.join(key.problems)}"
    return "; ".join(key.warnings)


async def check_dmarc(domain: str, expected: Expected, dns: Resolver) -> Check:
    """The record at `_dmarc`, or one inherited from above; what is wrong with it is a warning."""
    found = await discover(domain, dns)
    host = f"_dmarc.{domain}"
    if found.trouble:
        return unasked(DMARC, found.trouble, host=host)
    status, message = _judge_dmarc(expected.dmarc, found)
    return Check(
        status=status,
        label=DMARC,
        message=message,
        host=host,
        expected=expected.dmarc.effective,
        found=clipped(found.own),
    )


def _judge_dmarc(policy: DmarcPolicy, found: Discovery) -> tuple[Status, str]:
    if len(found.own) > 1:
        return "warn", f"There are {len(found.own)} DMARC records: with several none counts"
    if found.record is None:
        return "warn", "There is no DMARC record"
    if found.record.problems:
        return "warn", f"The DMARC record has errors: {'; '.join(found.record.problems)}"[:500]
    if found.is_inherited:
        status: Status = "pass" if policy.custom is None else "warn"
        more = "" if policy.custom is None else "; the domain's own policy is not there"
        return status, f"The policy of {found.at} applies ({found.record.sp}){more}"
    return _compare_dmarc(policy, found.record.text)


def _compare_dmarc(policy: DmarcPolicy, text: str) -> tuple[Status, str]:
    which = "default" if policy.custom is None else "domain's own"
    if _same(text, policy.effective):
        return "pass", f"DMARC is the {which} policy"
    return "warn", f"The DMARC record is valid and differs from the {which} policy"


def _same(one: str, other: str) -> bool:
    first, second = parse_dmarc(one), parse_dmarc(other)
    plain = ["".join(text.split()).rstrip(";").lower() for text in (one, other)]
    return plain[0] == plain[1] and first.is_valid == second.is_valid
