"""Rules about how a message came, and whether it is put together as RFC 5322 and MIME say."""

from datetime import timedelta

from core.engine.message import Mail
from core.engine.rules.brands import is_ip
from core.engine.rules.rule import Context, Rule

__all__ = ["RULES"]


def rbl_hit(_: Mail, context: Context) -> bool:
    return context.listed


def no_rdns(mail: Mail, context: Context) -> bool:
    return context.rdns_known and not mail.envelope.rdns


def helo_bare_ip(mail: Mail, _: Context) -> bool:
    return is_ip(mail.envelope.helo)


def date_in_future(mail: Mail, context: Context) -> bool:
    return mail.date is not None and mail.date > context.now + timedelta(hours=2)


def date_missing(mail: Mail, _: Context) -> bool:
    return mail.date is None


def missing_mid(mail: Mail, _: Context) -> bool:
    return not mail.header("message-id")


def no_received(mail: Mail, _: Context) -> bool:
    return "received" not in mail.headers


def malformed_mime(mail: Mail, _: Context) -> bool:
    return mail.malformed


def overgrown_mime(mail: Mail, _: Context) -> bool:
    return mail.overgrown


RULES = (
    Rule("RBL_HIT", 5.0, "rbl", rbl_hit, "the client's address has a bad reputation here"),
    Rule("NO_RDNS", 2.0, "rbl", no_rdns, "the client's address has no host name that leads back to it"),
    Rule("HELO_BARE_IP", 1.5, "rbl", helo_bare_ip, "the client introduced itself with a bare address"),
    Rule("DATE_IN_FUTURE", 2.0, "spam", date_in_future, "dated more than two hours ahead"),
    Rule("DATE_MISSING", 1.0, "spam", date_missing, "no readable date"),
    Rule("MISSING_MID", 1.5, "spam", missing_mid, "no Message-ID"),
    Rule("NO_RECEIVED", 0.5, "spam", no_received, "no trace of any server on its way"),
    Rule("MALFORMED_MIME", 2.0, "spam", malformed_mime, "not put together as MIME says"),
    Rule("OVERGROWN_MIME", 8.0, "sandbox", overgrown_mime, "too large a structure to be read to its end"),
)
