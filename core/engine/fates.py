"""From a score to what happens to a message, recipient by recipient. Pure."""

from dataclasses import dataclass

from core.engine.auth import Authentication
from core.engine.context import ScanContext
from core.engine.lists import Entry, Sender, decide, owner_address
from core.engine.message import Mail
from core.engine.policy import DomainPolicy, fate_of, milder, worse
from core.engine.verdict import Action

__all__ = ["RecipientFate", "fate_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientFate:
    """`cause`: the score, a list (then `entry` is the one), the recipient's own wish, or the message's
    size.
    """

    address: str
    fate: Action
    cause: str
    entry: Entry | None = None


def fate_for(
    address: str, mail: Mail, score: float, proofs: Authentication, context: ScanContext
) -> RecipientFate:
    """Lists first, then the recipient's wish, then the domain's limits."""
    policy = context.policy
    sender = Sender(
        mail_from=mail.envelope.mail_from, header_from=mail.sender.email, client_ip=mail.envelope.client_ip
    )
    entry = decide(context.lists, sender, address, authenticated=_believed(proofs, policy))
    if entry is not None:
        fate = "deliver" if entry.kind == "safe" else policy.blocked
        return RecipientFate(address=address, fate=fate, cause=f"{entry.tier} list", entry=entry)
    if owner_address(address) in context.unfiltered:
        return RecipientFate(address=address, fate="deliver", cause="unfiltered")
    return RecipientFate(address=address, fate=_by_score(score, proofs, policy), cause="score")


def _believed(proofs: Authentication, policy: DomainPolicy) -> bool:
    if policy.safe == "always":
        return True
    return proofs.dmarc.aligned if policy.safe == "proven" else not proofs.forged


def _by_score(score: float, proofs: Authentication, policy: DomainPolicy) -> Action:
    """The limits; DMARC's own wish where it is followed. What DNS could not tell is never refused."""
    fate = fate_of(score, policy)
    if policy.enforce_dmarc and proofs.dmarc.disposition != "none":
        fate = worse(fate, proofs.dmarc.disposition)
    return milder(fate, "quarantine") if proofs.degraded else fate
