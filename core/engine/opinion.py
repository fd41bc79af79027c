"""What the engine thinks of a message: proofs, rules, the tenant's lessons; pure, and slow for a large
message.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from core.engine import classifier
from core.engine.alignment import evaluate
from core.engine.auth import Authentication
from core.engine.context import ScanContext
from core.engine.lookups import Found
from core.engine.message import Mail
from core.engine.rules import RULES, Context
from core.engine.signals import Symbol, auth_symbols, classifier_symbols, symbol
from core.engine.signatures import Signature, verify

__all__ = ["Opinion", "weigh"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """`probability` is the classifier's, None without one."""

    symbols: tuple[Symbol, ...]
    authentication: Authentication = field(default_factory=Authentication)
    probability: float | None = None

    @property
    def score(self) -> float:
        return round(sum((one.score for one in self.symbols), 0.0), 2)


def weigh(
    message: bytes, mail: Mail, signatures: Sequence[Signature], found: Found, context: ScanContext
) -> Opinion:
    """Verify, run the rules and ask the classifier. What fails is left out, and said by a symbol."""
    faults: list[str] = []
    proofs = _guarded(lambda: _proofs(message, signatures, found), Authentication(spf=found.spf), faults)
    symbols = _rule_symbols(mail, _facts(proofs, context), faults)
    state = context.classifier
    probability = None if state is None else _guarded(lambda: classifier.score(state, mail), None, faults)
    symbols += [*auth_symbols(proofs), *classifier_symbols(probability)]
    symbols += [symbol("SCAN_INCOMPLETE", ", ".join(faults))] if faults else []
    return Opinion(
        symbols=tuple(_reweighed(one, context) for one in symbols),
        authentication=proofs,
        probability=probability,
    )


def _guarded(call: Callable[[], _T], otherwise: _T, faults: list[str]) -> _T:
    try:
        return call()
    except Exception as fault:  # hostile input may reach what nobody thought of; the other checks still count
        faults.append(type(fault).__name__)
        return otherwise


def _proofs(message: bytes, signatures: Sequence[Signature], found: Found) -> Authentication:
    signed = verify(message, signatures, found.keys)
    judged = evaluate(found.policy, found.spf, signed)
    return Authentication(spf=found.spf, dkim=signed, dmarc=judged, rdns=found.rdns)


def _facts(proofs: Authentication, context: ScanContext) -> Context:
    return Context(
        now=context.clock(),
        listed=context.listed,
        own_domains=context.own_domains,
        authenticated=proofs.dmarc.result == "pass",
        rdns_known=proofs.rdns.result == "fail",
    )


def _rule_symbols(mail: Mail, facts: Context, faults: list[str]) -> list[Symbol]:
    fired = [rule for rule in RULES if _guarded(partial(rule.test, mail, facts), False, faults)]
    return [Symbol(name=rule.name, score=rule.score, group=rule.group, says=rule.says) for rule in fired]


def _reweighed(one: Symbol, context: ScanContext) -> Symbol:
    score = context.policy.scores.get(one.name)
    return one if score is None else replace(one, score=score)
