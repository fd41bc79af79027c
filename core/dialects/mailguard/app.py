"""MailGuard's API, whole, with its contract: what its page names, and everything else that its pages do."""

from functools import lru_cache
from io import StringIO
from typing import Any, Final

from core.api import (
    accounts,
    alerts,
    dkim_keys,
    dmarc_reports,
    dns,
    estate,
    lists,
    me,
    notifications,
    recipients,
    rules,
    sessions,
    settings,
    statistics,
    verdicts,
)
from core.api import audit as own_audit
from core.api.openapi import released
from core.dialects.dialect import Dialect
from core.dialects.mailguard import api_keys, audit, domains, quarantine, system, webhooks
from core.dialects.mailguard.access import key_of, refusals
from core.dialects.mailguard.form import ANSWERS, MailGuardForm
from hub.web.openapi import describe
from hub.web.route import Bare, Call, Route

__all__ = ["MAILGUARD", "ROUTES", "contract"]

_YAML: Final = "application/yaml"
_CONTRACT: Final = "/api/v1/openapi.yaml"


def contract() -> dict[str, Any]:
    """OpenAPI 3.1 of every route; its version is the release's."""
    return describe(
        ROUTES,
        title="MailGuard",
        version=released(),
        summary="Domains, quarantine, licence, audit log, reports, API keys, webhooks of a MailGuard cluster",
        answers=ANSWERS,
    )


async def openapi(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=_text(), media_type=_YAML)


@lru_cache(maxsize=1)
def _text() -> bytes:
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = False
    yaml.dump(contract(), text)
    return text.getvalue().encode()


_NAMED: Final = (
    Route(
        "GET",
        _CONTRACT,
        openapi,
        summary="This contract, versioned with the release",
        scope=None,
        media_types=(_YAML,),
    ),
    *system.ROUTES,
    *api_keys.ROUTES,
    *domains.ROUTES,
    *quarantine.ROUTES,
    *audit.ROUTES,
    *webhooks.ROUTES,
)
_PAGES: Final = (
    *sessions.ROUTES,
    *me.ROUTES,
    *accounts.ROUTES,
    *settings.ROUTES,
    *estate.ROUTES,
    *dkim_keys.ROUTES,
    *dns.ROUTES,
    *rules.ROUTES,
    *lists.ROUTES,
    *recipients.ROUTES,
    *verdicts.ROUTES,
    *statistics.ROUTES,
    *dmarc_reports.ROUTES,
    *alerts.ROUTES,
    *notifications.ROUTES,
    *own_audit.ROUTES,
)
"""Of the service's own API what MailGuard's web pages do; the page shows none of their forms."""
_KNOWN: Final = {(route.method, route.path) for route in _NAMED}
ROUTES: Final = (*_NAMED, *(route for route in _PAGES if (route.method, route.path) not in _KNOWN))

MAILGUARD: Final = Dialect(
    name="mailguard",
    routes=ROUTES,
    form=MailGuardForm(),
    key_of=key_of,
    hint="Send your key as `X-API-Key: <key>`, or sign in.",
    sessions=True,
    max_body_bytes=1024 * 1024,
    around=(refusals,),
    contract=_CONTRACT,
)
"""A refusal for too many requests has `Retry-After`; the page names no headers that tell how limits stand."""
