"""The checks beside the mail records: ownership, the names for clients, TLS between servers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.dns.answers import Resolver
from core.dns.check import Check, Status, clipped, unasked
from core.dns.expected import Expected, Txt
from core.dns.names import same_name, within
from core.dns.provider import ZoneRecord
from core.dns.transport import mta_sts_problems, tls_rpt_problems

__all__ = ["check_mail", "check_mta_sts", "check_tls_rpt", "check_verification", "check_webmail"]

VERIFICATION, MAIL, WEBMAIL = "Domain verification (TXT)", "Mail server (CNAME)", "Webmail (CNAME)"


async def check_verification(domain: str, wanted: Txt, dns: Resolver) -> Check:
    """The host's proof of ownership; missing is a warning."""
    host = within(wanted.name, domain)
    answer = await dns.lookup(host, "TXT")
    if answer.is_failed:
        return unasked(VERIFICATION, answer, host=host)
    good = wanted.value.strip() in (value.strip() for value in answer.values)
    return Check(
        status="pass" if good else "warn",
        label=VERIFICATION,
        message="The verification record is there" if good else "The verification record is missing",
        host=host,
        expected=wanted.value,
        found=clipped(answer.values),
    )


async def check_mail(
    domain: str, expected: Expected, dns: Resolver, deployed: Sequence[ZoneRecord] | None
) -> Check:
    """`mail.<domain>` leads to the mail server. `deployed`: the provider's records, if there is one."""
    host = f"mail.{domain}"
    check = await _alias(MAIL, host, expected.mail_target, dns)
    return _not_yet(check, host, expected.mail_target, deployed)


async def check_webmail(
    domain: str, expected: Expected, dns: Resolver, deployed: Sequence[ZoneRecord] | None
) -> Check:
    """`webmail.<domain>` is optional: it never counts, and is skipped where it is not deployed."""
    host = f"webmail.{domain}"
    check = _not_yet(
        await _alias(WEBMAIL, host, expected.webmail_target, dns), host, expected.webmail_target, deployed
    )
    if check.status == "fail" and not check.found:
        return _optional(check, "skipped", "Optional, and not deployed")
    return _optional(check, "warn" if check.status == "fail" else check.status, check.message)


def _optional(check: Check, status: Status, message: str) -> Check:
    return replace(check, status=status, message=message, counts=False)


async def _alias(label: str, host: str, target: str, dns: Resolver) -> Check:
    answer = await dns.lookup(host, "CNAME")
    if answer.is_failed:
        return unasked(label, answer, host=host)
    found = answer.values[:1]
    leads = bool(found) and same_name(found[0], target)
    where = f"leads to {found[0]}" if found else "has no alias"
    return Check(
        status="pass" if leads else "fail",
        label=label,
        message=f"{host} {where}" if leads else f"{host} {where}; it should lead to {target}",
        host=host,
        expected=target,
        found=found,
    )


def _not_yet(check: Check, host: str, target: str, deployed: Sequence[ZoneRecord] | None) -> Check:
    """What the provider holds and the DNS does not show yet is pending."""
    there = any(
        each.record.type == "CNAME"
        and same_name(each.record.name, host)
        and same_name(each.record.content, target)
        for each in deployed or ()
    )
    if check.status != "fail" or not there:
        return check
    return replace(check, status="pending", message=f"{host} is deployed; the DNS does not show it yet")


async def check_mta_sts(domain: str, dns: Resolver) -> Check:
    """For information: servers may be told to insist on TLS (RFC 8461)."""
    return await _transport("MTA-STS (TXT)", f"_mta-sts.{domain}", "v=STSv1", mta_sts_problems, dns)


async def check_tls_rpt(domain: str, dns: Resolver) -> Check:
    """For information: servers may be asked to report on TLS (RFC 8460)."""
    return await _transport("TLS-RPT (TXT)", f"_smtp._tls.{domain}", "v=TLSRPTv1", tls_rpt_problems, dns)


async def _transport(
    label: str, host: str, begins: str, problems: Callable[[str], tuple[str, ...]], dns: Resolver
) -> Check:
    answer = await dns.lookup(host, "TXT")
    if answer.is_failed:
        return unasked(label, answer, host=host, counts=False)
    found = tuple(value for value in answer.values if value.startswith(begins))
    if not found:
        message = "There is no such record"
    elif len(found) > 1:
        message = f"There are {len(found)} records: with several none counts"
    else:
        message = "; ".join(problems(found[0]))
    return Check(
        status="warn" if message else "pass",
        label=label,
        message=message or "The record is sound",
        host=host,
        found=clipped(found),
        counts=False,
    )
