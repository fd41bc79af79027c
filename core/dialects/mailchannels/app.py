"""MailChannels Inbound's API, whole, with its description."""

from core.dialects.dialect import Dialect
from core.dialects.mailchannels import (
    account,
    description,
    domain_parts,
    domains,
    lists,
    login_links,
    report,
    users,
)
from core.dialects.mailchannels.access import key_of, limits
from core.dialects.mailchannels.form import InboundForm

__all__ = ["MAILCHANNELS"]

_OPERATIONS = (
    *domains.ROUTES,
    *domain_parts.ROUTES,
    *login_links.ROUTES,
    *lists.ROUTES,
    *users.ROUTES,
    *account.ROUTES,
    *report.ROUTES,
)

MAILCHANNELS = Dialect(
    name="mailchannels",
    routes=(*_OPERATIONS, *description.routes(_OPERATIONS)),
    form=InboundForm(),
    key_of=key_of,
    hint="Send your API key in the header X-API-Key.",
    limits=limits,
)
"""Its page names no headers for limits, and a refusal has none."""
