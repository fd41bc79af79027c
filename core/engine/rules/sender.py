"""Rules about who claims to have sent a message."""

from core.engine.domains import owner
from core.engine.lookalike import imitates
from core.engine.message import Mail
from core.engine.rules.brands import BRANDS
from core.engine.rules.rule import Context, Rule
from core.engine.rules.urls import DOMAIN_IN_TEXT

__all__ = ["RULES"]


def display_name_spoof(mail: Mail, _: Context) -> bool:
    name, domain = mail.sender.name.lower()[:200], mail.sender.domain
    other = DOMAIN_IN_TEXT.search(name)
    if other and owner(other[1]) != owner(domain):
        return True
    return any(brand in name and brand not in domain for brand in BRANDS)


def lookalike_domain(mail: Mail, context: Context) -> bool:
    return imitates(owner(mail.sender.domain), context.own_domains, BRANDS)


def own_domain_from_outside(mail: Mail, context: Context) -> bool:
    helo = owner(mail.envelope.rdns or mail.envelope.helo)
    own = mail.sender.domain in context.own_domains
    return own and not context.authenticated and helo != owner(mail.sender.domain)


def replyto_mismatch(mail: Mail, _: Context) -> bool:
    return mail.reply_to is not None and owner(mail.reply_to.domain) != owner(mail.sender.domain)


def missing_from(mail: Mail, _: Context) -> bool:
    return "@" not in mail.sender.email


def multiple_from(mail: Mail, _: Context) -> bool:
    return len(mail.headers.get("from", ())) > 1


def envfrom_mismatch(mail: Mail, _: Context) -> bool:
    domain = mail.envelope.mail_from.rpartition("@")[2]
    return bool(domain) and owner(domain) != owner(mail.sender.domain)


RULES = (
    Rule(
        "DISPLAY_NAME_SPOOF",
        4.0,
        "phishing",
        display_name_spoof,
        "the sender's name claims another domain or a brand",
    ),
    Rule(
        "LOOKALIKE_DOMAIN",
        4.5,
        "phishing",
        lookalike_domain,
        "the sender's domain imitates one of yours or a brand's",
    ),
    Rule(
        "OWN_DOMAIN_FROM_OUTSIDE",
        4.0,
        "phishing",
        own_domain_from_outside,
        "one of your domains, unproven, from a foreign host",
    ),
    Rule(
        "REPLYTO_MISMATCH",
        1.5,
        "phishing",
        replyto_mismatch,
        "answers would go to another domain than the sender's",
    ),
    Rule("MISSING_FROM", 3.0, "spam", missing_from, "no readable address in the From header"),
    Rule(
        "MULTIPLE_FROM",
        4.0,
        "phishing",
        multiple_from,
        "several From headers: readers may see another sender than filters",
    ),
    Rule(
        "ENVFROM_MISMATCH",
        0.5,
        "spam",
        envfrom_mismatch,
        "the envelope's sender is of another domain than the From header",
    ),
)
