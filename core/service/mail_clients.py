"""What a mail program must be told to reach a mailbox."""

from dataclasses import dataclass
from typing import Literal

from core.dns.check import Status
from core.dns.expected import Expected
from core.dns.resolver import Lookups
from core.dns.side_checks import check_mail, check_webmail
from core.service.by import By
from core.service.core import Core
from core.service.expected import targets
from core.service.hosting import own
from core.service.mailboxes import READ, one

__all__ = ["ClientSettings", "Server", "Webmail", "client_settings"]

_SEEN = ("pass", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to connect: TLS at once (`ssl`) or after STARTTLS."""

    host: str
    port: int
    encryption: Literal["ssl", "starttls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webmail:
    """`url` is None while the DNS does not show it; `status` is that of its check."""

    url: str | None
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """`username` is the whole address, where a mailbox was named."""

    domain: str
    mail_host: str
    username: str | None
    imap: Server
    smtp_ssl: Server
    smtp_starttls: Server
    webmail: Webmail


async def client_settings(core: Core, by: By, domain: str, username: str | None = None) -> ClientSettings:
    """Hosts by what the DNS shows: `mail.<domain>` where it leads to the mail server, else the server itself.

    Raises `NotFound`; `NotThere` for a mailbox that is not there.
    """
    name = await own(core, by, READ, domain)
    address = None if username is None else (await one(core, by, name, username)).address
    mail, webmail = targets(core.config)
    wanted = Expected(mail_target=mail, webmail_target=webmail)
    dns = Lookups(core.resolver)
    leads = not mail or (await check_mail(name, wanted, dns, None)).status in _SEEN
    status: Status = (await check_webmail(name, wanted, dns, None)).status if webmail else "skipped"
    host = f"mail.{name}" if leads else mail
    url = f"{core.config.public_url_scheme}://webmail.{name}" if status in _SEEN else None
    return ClientSettings(
        domain=name,
        mail_host=host,
        username=address,
        imap=Server(host=host, port=993, encryption="ssl"),
        smtp_ssl=Server(host=host, port=465, encryption="ssl"),
        smtp_starttls=Server(host=host, port=587, encryption="starttls"),
        webmail=Webmail(url=url, status=status),
    )
