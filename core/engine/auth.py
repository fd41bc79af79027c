"""What is proven about who sent a message: the results of SPF, DKIM, DMARC and the client's name."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Authentication",
    "Disposition",
    "DkimResult",
    "DkimWord",
    "DmarcResult",
    "DmarcWord",
    "RdnsResult",
    "SpfResult",
    "SpfWord",
]

Disposition = Literal["none", "quarantine", "reject"]
SpfWord = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
DkimWord = Literal["none", "pass", "fail", "neutral", "temperror", "permerror"]
DmarcWord = Literal["none", "pass", "fail", "temperror", "permerror"]
RdnsWord = Literal["none", "pass", "fail", "temperror"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfResult:
    """RFC 7208. `domain` is the one that was checked, of MAIL FROM or, for a null sender, of HELO."""

    result: SpfWord = "none"
    domain: str = ""
    scope: Literal["mailfrom", "helo"] = "mailfrom"


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimResult:
    """RFC 6376, one signature. `signature` is the beginning of its `b=`, which tells several apart."""

    result: DkimWord
    domain: str = ""
    selector: str = ""
    signature: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcResult:
    """RFC 9989. `disposition` is what the domain asks for this message: `none` unless the result is
    `fail`.
    """

    result: DmarcWord = "none"
    domain: str = ""
    policy: Disposition | None = None
    disposition: Disposition = "none"
    aligned: bool = False
    """Whether SPF or a signature proves the From header's domain, with or without a policy of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RdnsResult:
    """The client's name, confirmed by its own addresses (RFC 8601 2.7.3, `iprev`)."""

    result: RdnsWord = "none"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """All of it. A `temperror` anywhere means that DNS could not tell; it never speaks against a message."""

    spf: SpfResult = SpfResult()
    dkim: tuple[DkimResult, ...] = ()
    dmarc: DmarcResult = DmarcResult()
    rdns: RdnsResult = RdnsResult()

    @property
    def degraded(self) -> bool:
        words = {self.spf.result, self.dmarc.result, self.rdns.result, *(one.result for one in self.dkim)}
        return "temperror" in words

    @property
    def forged(self) -> bool:
        """Whether the sender is known to be somebody else."""
        if self.dmarc.result in {"pass", "fail"}:
            return self.dmarc.result == "fail"
        return self.spf.result == "fail" and not self.dmarc.aligned
