"""What a domain's records should be: by who hosts its mail, and by its own DMARC policy."""

from dataclasses import dataclass
from typing import Final

from core.dns.dmarc import writable

__all__ = ["DEFAULT_DMARC", "DmarcPolicy", "Expected", "MailServer", "Txt", "check_policy"]

DEFAULT_DMARC: Final = "v=DMARC1; p=none; sp=none; adkim=r; aspf=r;"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """One MX record's data."""

    priority: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Txt:
    """A TXT record: `name` is relative to the domain or whole."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcPolicy:
    """`custom` is the domain's own record, `default` what holds for domains without one (`dmarc_record`)."""

    default: str = DEFAULT_DMARC
    custom: str | None = None

    @property
    def effective(self) -> str:
        """What is to be published."""
        return self.default if self.custom is None else self.custom

    def as_dict(self) -> dict[str, object]:
        """JSON: `{"custom": bool, "default", "effective", "custom_value": text or null}`."""
        return {
            "custom": self.custom is not None,
            "default": self.default,
            "effective": self.effective,
            "custom_value": self.custom,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is wanted; nothing stands for "whatever there is, if it is sound".

    `mail_target` and `webmail_target` are where `mail.<domain>` and `webmail.<domain>` should lead.
    `is_registered`: the host knows the domain; before that it has no keys for it.
    """

    mx: tuple[MailServer, ...] = ()
    spf: str = ""
    dkim: Txt | None = None
    verification: Txt | None = None
    mail_target: str = ""
    webmail_target: str = ""
    dmarc: DmarcPolicy = DmarcPolicy()
    is_hosting: bool = True
    is_registered: bool = True


def check_policy(record: str | None) -> tuple[str, ...]:
    """Why this may not become a domain's policy; `None` clears one and is always fine."""
    return () if record is None else writable(record)
