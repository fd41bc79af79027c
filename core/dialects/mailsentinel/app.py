"""MailSentinel's API, whole.

The page's base address ends in `/api`, and its paths begin with `/api`: who joins the two asks below
`/api/api`, who does not below `/api`. Both get the same answers.
"""

from dataclasses import replace

from core.dialects.dialect import Dialect, bearer
from core.dialects.mailsentinel import alerts, api_keys, domains, reports, webhooks
from core.dialects.mailsentinel.access import limits, told
from core.dialects.mailsentinel.form import SentinelForm

__all__ = ["MAILSENTINEL"]

_ROUTES = (*domains.ROUTES, *reports.ROUTES, *alerts.ROUTES, *api_keys.ROUTES, *webhooks.ROUTES)

MAILSENTINEL = Dialect(
    name="mailsentinel",
    routes=(
        *domains.HEALTH,
        *_ROUTES,
        *(replace(route, path=f"/api{route.path}") for route in _ROUTES),
    ),
    form=SentinelForm(),
    key_of=bearer,
    limits=limits,
    headers=told,
    max_body_bytes=1024 * 1024,
)
