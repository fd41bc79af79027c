"""The filters of the event search as flags, the same for every command that selects events."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from hub.cli.render import now_ms
from hub.web.times import parse_time

__all__ = ["FILTERS", "TIME", "filters", "params_of"]

F = TypeVar("F", bound=Callable[..., Any])


class _Time(click.ParamType[int]):
    """ISO 8601, epoch, or relative; relative forms and bare dates count in this machine's zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_time(str(value), now_ms=now_ms(), zone=None)
        except ValueError as error:
            self.fail(str(error), param, ctx)


TIME = _Time()
FILTERS: tuple[tuple[str, str, bool, Any, str], ...] = (
    ("--tenant", "tenant", True, str, "Tenant."),
    ("--since", "since", False, TIME, "Event time from here on: ISO 8601, epoch, 2h, 7d, yesterday."),
    ("--until", "until", False, TIME, "Event time before this."),
    ("--recorded-since", "recorded_since", False, TIME, "Recorded from here on."),
    ("--recorded-until", "recorded_until", False, TIME, "Recorded before this."),
    ("--source", "source", True, str, "Source, as named in the configuration."),
    ("--class", "class", True, str, "OCSF class_uid, such as 4009."),
    ("--code", "code", True, str, "The vendor's event name, such as quarantine.added."),
    ("--severity", "severity", True, str, "OCSF severity: 0 to 6, or its name."),
    ("--sender", "sender", False, str, "Sender address."),
    ("--recipient", "recipient", False, str, "Recipient address."),
    ("--domain", "domain", True, str, "Mail domain that the event concerns."),
    ("--subject", "subject", False, str, "Words of the subject."),
    ("--message-id", "message_id", False, str, "Message-ID."),
    ("--disposition", "disposition", True, str, "OCSF disposition, such as Quarantined."),
)
"""Flag, API parameter, whether it repeats, type, help."""


def filters(command: F) -> F:
    """Adds every filter; the command gets them as keyword arguments, for `params_of`."""
    for flag, name, many, kind, said in reversed(FILTERS):
        more = " May be repeated." if many else ""
        argument = "class_uid" if name == "class" else name
        command = click.option(flag, argument, multiple=many, type=kind, help=said + more)(command)
    return click.option("-q", "--query", "q", help='Words in the text; a phrase in "quotes".')(command)


def params_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, under the API's names."""
    named = {"class" if name == "class_uid" else name: value for name, value in options.items()}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in named.items()
        if value is not None and value not in ("", ())
    }
