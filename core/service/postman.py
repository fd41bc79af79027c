"""The service's own mail (not the mail that it filters): through one relay of the configuration."""

from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from core.config import SmtpRelayConfig

__all__ = ["NotSent", "Postman"]


class NotSent(Exception):
    """The relay did not take it."""


class Postman:
    """Hands mail to the relay.

    Args:
        sender: address in From and MAIL FROM.
        hostname: said in EHLO, and in Message-ID.

    """

    def __init__(self, relay: SmtpRelayConfig, *, sender: str, hostname: str) -> None:
        self._relay = relay
        self._sender = sender
        self._hostname = hostname

    async def send(self, to: str, subject: str, text: str) -> None:
        """Plain text to one address. Raises `NotSent`; `ValueError` for an address that breaks a header."""
        from aiosmtplib import SMTPException, send

        relay, password = self._relay, self._relay.password
        try:
            await send(
                self._written(to, subject, text),
                sender=self._sender,
                recipients=[to],
                hostname=relay.host,
                port=relay.port,
                local_hostname=self._hostname,
                username=relay.username or None,
                password=password.get_secret_value() if password else None,
                use_tls=relay.tls == "tls",
                start_tls=relay.tls == "starttls",
                timeout=relay.timeout_s,
            )
        except (SMTPException, OSError, TimeoutError) as error:
            raise NotSent(f"{relay.host}:{relay.port}: {type(error).__name__}") from error

    def _written(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain=self._hostname)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: nobody's holiday answers it
        message.set_content(text)
        return message
