"""Symbols that come from elsewhere than the message's own bytes: proofs, the classifier, lists, the scan
itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from core.engine.auth import Authentication
from core.engine.rules import Group

__all__ = ["SIGNALS", "Signal", "Symbol", "auth_symbols", "classifier_symbols", "symbol"]

SURE = 0.99
LIKELY = 0.9
"""Limits of the classifier's probability; below `1 - LIKELY` it speaks for the message."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a symbol weighs, and what it speaks for."""

    score: float
    group: Group
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """One reason of a verdict. `detail` is what it was seen on, and may be empty."""

    name: str
    score: float
    group: Group
    says: str
    detail: str = ""


# A pass weighs nothing: it proves who sent, not that the message is wanted. What DNS could not tell weighs
# nothing.
SIGNALS: dict[str, Signal] = {
    "SPF_PASS": Signal(0.0, "phishing", "SPF: the envelope sender's domain allows this client"),
    "SPF_FAIL": Signal(3.0, "phishing", "SPF: the envelope sender's domain forbids this client"),
    "SPF_SOFTFAIL": Signal(1.0, "phishing", "SPF: the envelope sender's domain does not expect this client"),
    "SPF_PERMERROR": Signal(0.5, "phishing", "SPF: the sender domain's record is broken"),
    "DKIM_PASS": Signal(0.0, "phishing", "DKIM: a signature verifies"),
    "DKIM_FAIL": Signal(0.5, "phishing", "DKIM: no signature verifies; lists break them, forgers too"),
    "DMARC_PASS": Signal(0.0, "phishing", "DMARC: the From domain is proven"),
    "DMARC_FAIL": Signal(
        1.0, "phishing", "DMARC: the From domain is not proven; its policy asks for nothing"
    ),
    "DMARC_FAIL_QUARANTINE": Signal(
        5.0, "phishing", "DMARC: not proven, and the domain asks to hold such mail"
    ),
    "DMARC_FAIL_REJECT": Signal(
        8.0, "phishing", "DMARC: not proven, and the domain asks to refuse such mail"
    ),
    "DNS_DEGRADED": Signal(0.0, "rbl", "DNS did not answer in time: checks left out, and nothing is refused"),
    "CLASSIFIER_SPAM_SURE": Signal(6.0, "spam", "the tenant's classifier is sure: spam"),
    "CLASSIFIER_SPAM": Signal(5.0, "spam", "the tenant's classifier finds spam likely"),
    "CLASSIFIER_HAM": Signal(-3.0, "spam", "the tenant's classifier finds wanted mail likely"),
    "LISTED_SAFE": Signal(
        0.0, "spam", "a list names the sender as safe for a recipient: not weighed for that one"
    ),
    "LISTED_BLOCKED": Signal(0.0, "spam", "a list blocks the sender for a recipient"),
    "UNFILTERED": Signal(0.0, "spam", "a recipient wants no filtering"),
    "TOO_LARGE": Signal(0.0, "spam", "larger than the limit: refused unread"),
    "SCAN_INCOMPLETE": Signal(0.0, "spam", "a check ended in an error and was left out"),
}

_DMARC = {"none": "DMARC_FAIL", "quarantine": "DMARC_FAIL_QUARANTINE", "reject": "DMARC_FAIL_REJECT"}
_SPF = {
    "pass": "SPF_PASS",
    "fail": "SPF_FAIL",
    "softfail": "SPF_SOFTFAIL",
    "permerror": "SPF_PERMERROR",
}


def symbol(name: str, detail: str = "") -> Symbol:
    """A signal that was seen. Raises `KeyError` for a name that is not in the table."""
    signal = SIGNALS[name]
    return Symbol(name=name, score=signal.score, group=signal.group, says=signal.says, detail=detail)


def auth_symbols(found: Authentication) -> Iterator[Symbol]:
    """What the proofs say for and against a message."""
    if found.spf.result in _SPF:
        yield symbol(_SPF[found.spf.result], found.spf.domain)
    yield from _dkim(found)
    if found.dmarc.result == "pass":
        yield symbol("DMARC_PASS", found.dmarc.domain)
    if found.dmarc.result == "fail":
        yield symbol(_DMARC[found.dmarc.disposition], found.dmarc.domain)
    if found.degraded:
        yield symbol("DNS_DEGRADED")


def _dkim(found: Authentication) -> Iterator[Symbol]:
    words = {one.result for one in found.dkim}
    if "pass" in words:
        yield symbol(
            "DKIM_PASS", ", ".join(sorted({one.domain for one in found.dkim if one.result == "pass"}))
        )
    elif "fail" in words and "temperror" not in words:
        yield symbol(
            "DKIM_FAIL", ", ".join(sorted({one.domain for one in found.dkim if one.result == "fail"}))
        )


def classifier_symbols(probability: float | None) -> Iterator[Symbol]:
    """What the tenant's lessons say."""
    if probability is None:
        return
    detail = f"{probability:.3f}"
    if probability >= SURE:
        yield symbol("CLASSIFIER_SPAM_SURE", detail)
    elif probability >= LIKELY:
        yield symbol("CLASSIFIER_SPAM", detail)
    elif probability <= 1 - LIKELY:
        yield symbol("CLASSIFIER_HAM", detail)
