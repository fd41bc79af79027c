"""Rules about the web addresses in a body."""

import re

from core.engine.domains import owner
from core.engine.lookalike import imitates
from core.engine.message import Mail
from core.engine.rules.brands import BRANDS, is_ip
from core.engine.rules.rule import Context, Rule

__all__ = ["DOMAIN_IN_TEXT", "RULES"]

DOMAIN_IN_TEXT = re.compile(r"\b((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})\b", re.IGNORECASE)

_FISHY_TLDS = frozenset({"top", "xyz", "icu", "click", "zip", "mov", "rest", "cam", "quest"})
_SHORTENERS = frozenset(
    {
        "short.example",
        "lnk.example",
        "go.example",
        "bit.ly",
        "tinyurl.com",
        "t.co",
        "is.gd",
        "ow.ly",
        "rb.gy",
        "cutt.ly",
    }
)


def fishy_tld(mail: Mail, _: Context) -> bool:
    hosts = [link.host for link in mail.links]
    return any(host.rpartition(".")[2] in _FISHY_TLDS for host in [*hosts, mail.sender.domain])


def url_ip_host(mail: Mail, _: Context) -> bool:
    return any(is_ip(link.host) for link in mail.links)


def url_text_mismatch(mail: Mail, _: Context) -> bool:
    for link in mail.links:
        shown = DOMAIN_IN_TEXT.search(link.text)
        if shown and owner(shown[1]) != owner(link.host):
            return True
    return False


def url_shortener(mail: Mail, _: Context) -> bool:
    return any(link.host in _SHORTENERS for link in mail.links)


def url_lookalike(mail: Mail, context: Context) -> bool:
    return any(
        imitates(owner(host), context.own_domains, BRANDS) for host in {link.host for link in mail.links}
    )


def url_userinfo(mail: Mail, _: Context) -> bool:
    return any(link.userinfo for link in mail.links)


RULES = (
    Rule(
        "FISHY_TLD", 2.5, "phishing", fishy_tld, "a link or the sender is in a top-level domain full of abuse"
    ),
    Rule("URL_IP_HOST", 3.0, "phishing", url_ip_host, "a link goes to a bare address instead of a host name"),
    Rule(
        "URL_TEXT_MISMATCH", 4.0, "phishing", url_text_mismatch, "a link shows one site and leads to another"
    ),
    Rule("URL_SHORTENER", 1.0, "spam", url_shortener, "a link hides behind a shortener"),
    Rule("URL_LOOKALIKE", 4.0, "phishing", url_lookalike, "a link's host imitates one of yours or a brand's"),
    Rule(
        "URL_USERINFO",
        3.0,
        "phishing",
        url_userinfo,
        "a link puts a false name before an @ and its real host",
    ),
)
