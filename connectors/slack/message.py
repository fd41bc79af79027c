"""From an event to a message: the facts, the template of its kind, the fitting."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import structlog

from connectors.slack.facts import facts_of
from connectors.slack.fit import fit
from connectors.slack.parts import functions
from connectors.slack.shape import Unfit
from hub.model.event import Entry
from hub.sdk.alerts import KINDS, Alert, alert_of
from hub.sdk.render.sources import Source, read_package
from hub.sdk.render.templates import JsonTemplates, RenderFailed

__all__ = ["Messages", "check_overrides"]

_logger = structlog.get_logger("connectors.slack")
_NOTE = "its own template failed, this is the built-in one"


class Messages:
    """Renders alerts. A user's template that fails on an event leaves it to the built-in one, with a note in
    the message and a line in the log.
    """

    def __init__(self, overrides: Mapping[str, Source], details_url: str | None) -> None:
        own, calls = read_package("templates", "slack"), functions(details_url)
        self._overridden = overrides.keys() & KINDS.keys()
        self._built_in = JsonTemplates(own, calls)
        self._templates = JsonTemplates(own, calls, overrides)
        self._said: set[str] = set()

    def of(self, entry: Entry) -> dict[str, Any]:
        """`{"text", "blocks"}`. Raises `RenderFailed`, which for a built-in template is a defect."""
        alert = facts_of(alert_of(entry))
        if alert.kind not in self._overridden:
            return _rendered(self._built_in, alert)
        try:
            return _rendered(self._templates, alert)
        except RenderFailed as error:
            self._warn(alert.kind, str(error))
        return _rendered(self._built_in, alert, _NOTE)

    def _warn(self, kind: str, why: str) -> None:
        """Once for each kind: a storm of alerts is no storm of warnings."""
        if kind not in self._said:
            self._said.add(kind)
            _logger.warning("slack.template.failed", template=kind, error=why)


def _rendered(templates: JsonTemplates, alert: Alert, *notes: str) -> dict[str, Any]:
    try:
        return fit(templates.render(alert.kind, alert=alert, notes=notes))
    except Unfit as error:
        raise RenderFailed(f"template {alert.kind}: {error}") from error


def check_overrides(overrides: Mapping[str, Source]) -> None:
    """Render each of a user's templates with an alert that says everything and with one that says nothing.

    Raises `ValueError` with the first that fails.
    """
    messages = JsonTemplates(read_package("templates", "slack"), functions(None), overrides)
    for kind in sorted(overrides.keys() & KINDS.keys()):
        for alert in _samples(kind):
            try:
                _rendered(messages, facts_of(alert))
            except RenderFailed as error:
                raise ValueError(str(error)) from None


def _samples(kind: str) -> Iterator[Alert]:
    bare = _bare(kind)
    yield bare
    yield _telling(bare)


def _bare(kind: str) -> Alert:
    return Alert(
        kind=kind,
        title=KINDS[kind],
        severity_id=0,
        severity="Unknown",
        event_id="0" * 32,
        code=kind,
        product="",
        tenant="",
        source="",
        domain="",
        time_ms=0,
        message="",
    )


def _telling(bare: Alert) -> Alert:
    return replace(
        bare,
        severity_id=4,
        severity="High",
        product="MailGuard",
        tenant="acme",
        source="mailguard-1",
        domain="customer.example",
        time_ms=1_777_621_333_000,
        message="Message quarantined",
        reason="phishing",
        disposition="Quarantined",
        sender="billing@phish.example",
        recipients=("anna@customer.example", "ben@customer.example"),
        subject="Invoice overdue",
        message_id="<20260501.1@phish.example>",
        score=14.7,
        client_ip="203.0.113.9",
        spf="fail",
        dkim="none",
        dmarc="fail",
        actor="admin",
        resource="customer.example",
        count=3,
        first_ms=1_777_600_000_000,
        last_ms=1_777_621_333_000,
        details={"queue_id": "4F2A8C0D"},
    )
