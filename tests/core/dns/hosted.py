"""What the mail host of `example.com` wants in the DNS, with a key of its own in every run."""

from core.dns.expected import DmarcPolicy, Expected, MailServer, Txt
from tests.factories.dns import dkim_record

__all__ = ["DEFAULT", "EXPECTED", "KEY"]

KEY = dkim_record()
DEFAULT = "v=DMARC1; p=none; sp=none; adkim=r; aspf=r;"
EXPECTED = Expected(
    mx=(MailServer(priority=10, host="mx1.host.example"), MailServer(priority=20, host="mx2.host.example")),
    spf="v=spf1 include:host.example -all",
    dkim=Txt(name="x._domainkey", value=KEY),
    verification=Txt(name="_verify", value="token"),
    mail_target="srv.host.example",
    webmail_target="srv.host.example",
    dmarc=DmarcPolicy(default=DEFAULT),
)
