"""The rule table: each rule is a name, a weight, what it speaks for, and one small pure function.

Names follow rspamd's habit; weights are our own, tuned on the made mail of the sandbox.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Literal

from core.engine.lookalike import imitates
from core.engine.message import Mail

__all__ = ["RULES", "Context", "Group", "Rule"]

Group = Literal["spam", "phishing", "sandbox", "rbl"]

_FISHY_TLDS = frozenset({"top", "xyz", "icu", "click", "zip", "mov", "rest", "cam", "quest"})
_EXECUTABLE = frozenset(
    {
        "exe",
        "scr",
        "js",
        "jse",
        "vbs",
        "vbe",
        "bat",
        "cmd",
        "com",
        "pif",
        "hta",
        "lnk",
        "iso",
        "ps1",
        "wsf",
        "jar",
    }
)
_MACRO = frozenset({"docm", "xlsm", "pptm", "dotm", "xlam"})
_INNOCENT = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "jpg", "png", "txt", "zip"})
_SHORTENERS = frozenset({"short.example", "lnk.example", "go.example"})
_BRANDS = ("paypal", "microsoft", "dhl", "sparkasse", "amazon", "netflix", "docusign")
_MONEY = re.compile(
    r"guaranteed (income|profit)|lottery|casino bonus|crypto wallet|miracle|no prescription", re.IGNORECASE
)
_URGENT = re.compile(
    r"verify your account|password (will )?expires?|suspended|confirm your identity|unusual sign-in",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"font-size\s*:\s*0|display\s*:\s*none|[\u200b\u200c\u2060]{3}")
_DOMAIN_IN_TEXT = re.compile(r"\b((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rule may know besides the message."""

    now: datetime
    listed: bool
    """Whether the client address is on the reputation list."""
    own_domains: frozenset[str]


Test = Callable[[Mail, Context], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """`score` is added when `test` holds; `group` is the reason it speaks for."""

    name: str
    score: float
    group: Group
    test: Test


def _site(domain: str) -> str:
    """The last two labels: enough to tell who is who among the domains of made mail."""
    return ".".join(domain.lower().rstrip(".").split(".")[-2:])


def _is_ip(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _extensions(filename: str) -> list[str]:
    return filename.lower().strip().split(".")[1:]


def fishy_tld(mail: Mail, _: Context) -> bool:
    hosts = [link.host for link in mail.links]
    return any(host.rpartition(".")[2] in _FISHY_TLDS for host in [*hosts, mail.sender.domain])


def url_ip_host(mail: Mail, _: Context) -> bool:
    return any(_is_ip(link.host) for link in mail.links)


def url_text_mismatch(mail: Mail, _: Context) -> bool:
    for link in mail.links:
        shown = _DOMAIN_IN_TEXT.search(link.text)
        if shown and _site(shown[1]) != _site(link.host):
            return True
    return False


def url_shortener(mail: Mail, _: Context) -> bool:
    return any(link.host in _SHORTENERS for link in mail.links)


def display_name_spoof(mail: Mail, _: Context) -> bool:
    name, domain = mail.sender.name.lower()[:200], mail.sender.domain
    other = _DOMAIN_IN_TEXT.search(name)
    if other and _site(other[1]) != _site(domain):
        return True
    return any(brand in name and brand not in domain for brand in _BRANDS)


def lookalike_domain(mail: Mail, context: Context) -> bool:
    return imitates(_site(mail.sender.domain), context.own_domains, _BRANDS)


def own_domain_from_outside(mail: Mail, context: Context) -> bool:
    helo = _site(mail.envelope.rdns or mail.envelope.helo)
    return mail.sender.domain in context.own_domains and helo != _site(mail.sender.domain)


def replyto_mismatch(mail: Mail, _: Context) -> bool:
    return mail.reply_to is not None and _site(mail.reply_to.domain) != _site(mail.sender.domain)


def urgent_phrases(mail: Mail, _: Context) -> bool:
    return bool(_URGENT.search(mail.subject) or _URGENT.search(mail.text) or _URGENT.search(mail.html))


def money_phrases(mail: Mail, _: Context) -> bool:
    return bool(_MONEY.search(mail.subject) or _MONEY.search(mail.text) or _MONEY.search(mail.html))


def subject_all_caps(mail: Mail, _: Context) -> bool:
    letters = [character for character in mail.subject if character.isalpha()]
    return len(letters) >= 8 and all(character.isupper() for character in letters)  # noqa: PLR2004 -- short ones are acronyms


def subject_many_marks(mail: Mail, _: Context) -> bool:
    return mail.subject.count("!") >= 3 or mail.subject.count("$") >= 3  # noqa: PLR2004 -- the rule's own limit


def hidden_text(mail: Mail, _: Context) -> bool:
    return bool(_HIDDEN.search(mail.html))


def html_only(mail: Mail, _: Context) -> bool:
    return bool(mail.html.strip()) and not mail.text.strip()


def empty_body(mail: Mail, _: Context) -> bool:
    return not (mail.html.strip() or mail.text.strip() or mail.attachments)


def exec_attachment(mail: Mail, _: Context) -> bool:
    return any(_EXECUTABLE.intersection(_extensions(part.filename)[-1:]) for part in mail.attachments)


def double_extension(mail: Mail, _: Context) -> bool:
    names = [_extensions(part.filename) for part in mail.attachments]
    return any(len(name) > 1 and name[-2].strip() in _INNOCENT and name[-1] in _EXECUTABLE for name in names)


def macro_attachment(mail: Mail, _: Context) -> bool:
    return any(_MACRO.intersection(_extensions(part.filename)[-1:]) for part in mail.attachments)


def rbl_hit(_: Mail, context: Context) -> bool:
    return context.listed


def no_rdns(mail: Mail, _: Context) -> bool:
    return not mail.envelope.rdns


def helo_bare_ip(mail: Mail, _: Context) -> bool:
    return _is_ip(mail.envelope.helo)


def date_in_future(mail: Mail, context: Context) -> bool:
    return mail.date is not None and mail.date > context.now + timedelta(hours=2)


def date_missing(mail: Mail, _: Context) -> bool:
    return mail.date is None


def missing_mid(mail: Mail, _: Context) -> bool:
    return not mail.header("message-id")


def missing_from(mail: Mail, _: Context) -> bool:
    return "@" not in mail.sender.email


def no_received(mail: Mail, _: Context) -> bool:
    return "received" not in mail.headers


def envfrom_mismatch(mail: Mail, _: Context) -> bool:
    domain = mail.envelope.mail_from.rpartition("@")[2]
    return bool(domain) and _site(domain) != _site(mail.sender.domain)


def malformed_mime(mail: Mail, _: Context) -> bool:
    return mail.malformed


def list_unsubscribe(mail: Mail, _: Context) -> bool:
    return "list-unsubscribe" in mail.headers and "list-id" in mail.headers


def in_reply_to(mail: Mail, _: Context) -> bool:
    return bool(mail.header("in-reply-to")) and mail.subject.lower().startswith(("re:", "aw:"))


RULES: tuple[Rule, ...] = (
    Rule("FISHY_TLD", 2.5, "phishing", fishy_tld),
    Rule("URL_IP_HOST", 3.0, "phishing", url_ip_host),
    Rule("URL_TEXT_MISMATCH", 4.0, "phishing", url_text_mismatch),
    Rule("URL_SHORTENER", 1.0, "spam", url_shortener),
    Rule("DISPLAY_NAME_SPOOF", 4.0, "phishing", display_name_spoof),
    Rule("LOOKALIKE_DOMAIN", 4.5, "phishing", lookalike_domain),
    Rule("OWN_DOMAIN_FROM_OUTSIDE", 4.0, "phishing", own_domain_from_outside),
    Rule("REPLYTO_MISMATCH", 1.5, "phishing", replyto_mismatch),
    Rule("URGENT_PHRASES", 2.0, "phishing", urgent_phrases),
    Rule("MONEY_PHRASES", 4.0, "spam", money_phrases),
    Rule("SUBJECT_ALL_CAPS", 2.0, "spam", subject_all_caps),
    Rule("SUBJECT_MANY_MARKS", 1.5, "spam", subject_many_marks),
    Rule("HIDDEN_TEXT", 2.0, "spam", hidden_text),
    Rule("HTML_ONLY", 1.0, "spam", html_only),
    Rule("EMPTY_BODY", 1.5, "spam", empty_body),
    Rule("EXEC_ATTACHMENT", 9.0, "sandbox", exec_attachment),
    Rule("DOUBLE_EXTENSION", 4.0, "sandbox", double_extension),
    Rule("MACRO_ATTACHMENT", 6.0, "sandbox", macro_attachment),
    Rule("RBL_HIT", 5.0, "rbl", rbl_hit),
    Rule("NO_RDNS", 2.0, "rbl", no_rdns),
    Rule("HELO_BARE_IP", 1.5, "rbl", helo_bare_ip),
    Rule("DATE_IN_FUTURE", 2.0, "spam", date_in_future),
    Rule("DATE_MISSING", 1.0, "spam", date_missing),
    Rule("MISSING_MID", 1.5, "spam", missing_mid),
    Rule("MISSING_FROM", 3.0, "spam", missing_from),
    Rule("NO_RECEIVED", 0.5, "spam", no_received),
    Rule("ENVFROM_MISMATCH", 0.5, "spam", envfrom_mismatch),
    Rule("MALFORMED_MIME", 2.0, "spam", malformed_mime),
    Rule("LIST_UNSUBSCRIBE", -1.5, "spam", list_unsubscribe),
    Rule("IN_REPLY_TO", -1.0, "spam", in_reply_to),
)
