"""Whom people are told of what: one choice of actions for all targets, as the manager has it.

Targets that were set at the service's own API are shown here too, and get the manager's choice, and its
words, with the next change made here; monitors that the manager does not know stay theirs. From when on a
mailbox raises an alarm are settings of the tenant, which are written here too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, SecretStr

from core.api.fields import Text
from core.api.services import asked
from core.outward.manager_names import CATALOGUE, DESTRUCTIVE, ours, theirs
from core.service import notifications, settings
from core.service.notifications import MAX_TARGETS, Target, Wanted
from core.service.settings import RANGES, Settings
from hub.access.scopes import ADMIN
from hub.web.errors import NotFound, UpstreamFailed, ValidationFailed
from hub.web.route import Call, Method, Reply, Route

__all__ = ["ROUTES"]

_FORM: Final = "mxroute-manager"
_MASK: Final = "***"
_DNS, _USAGE = "dns", "mailboxes"
_QUOTA, _SEND = RANGES["mailbox_quota_percent"], RANGES["mailbox_send_percent"]
Action = Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_.]*\*?$")]


class TargetBody(BaseModel):
    """Without a `url`, or with the masked one, a target keeps its own: that of its id, label, or place."""

    id: str | None = Field(None, max_length=100)
    label: Text = Field("", max_length=200)
    url: SecretStr | None = Field(None, max_length=2000)


class MonitorBody(BaseModel):
    enabled: bool = False


class UsageMonitorBody(BaseModel):
    """`enabled` and the limits stay where they are not given; how often it looks is the service's own."""

    enabled: bool | None = None
    quota_percent: int | None = Field(None, ge=_QUOTA[0], le=_QUOTA[1])
    send_percent: int | None = Field(None, ge=_SEND[0], le=_SEND[1])

    def settings(self) -> dict[str, int]:
        given = {"mailbox_quota_percent": self.quota_percent, "mailbox_send_percent": self.send_percent}
        return {name: value for name, value in given.items() if value is not None}


class NotificationsBody(BaseModel):
    """What is not given stays."""

    enabled: bool | None = None
    targets: list[TargetBody] | None = Field(None, max_length=MAX_TARGETS)
    actions: list[Action] | None = Field(None, max_length=200)
    dns_monitor: MonitorBody | None = None
    quota_monitor: UsageMonitorBody | None = None

    def monitors(self, known: Sequence[Target]) -> tuple[str, ...]:
        """Those of the two that are on."""
        usage = self.quota_monitor.enabled if self.quota_monitor is not None else None
        wanted = {_DNS: self.dns_monitor and self.dns_monitor.enabled, _USAGE: usage}
        return tuple(name for name, on in wanted.items() if (_watches(known, name) if on is None else on))


async def show(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=_shown(await notifications.every(tx, by), await settings.get(tx, by)))


async def save(call: Call[None, NotificationsBody]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        known = await notifications.every(tx, by)
        limits = call.body.quota_monitor.settings() if call.body.quota_monitor else {}
        saved = await notifications.put(core, tx, by, _wanted(call.body, known))
        return Reply(data=_shown(saved, await settings.change(core, tx, by, limits)))


async def actions(call: Call[None, None]) -> Reply:  # noqa: ARG001 - the same for everybody
    groups = [
        {"group": group, "actions": [{"id": name, "group": group} for name in names]}
        for group, names in CATALOGUE.items()
    ]
    return Reply(data={"groups": groups, "destructive_action_ids": sorted(DESTRUCTIVE)})


async def test(call: Call[None, None]) -> Reply:
    """One message to each target, now. A target that did not take it makes it a failure."""
    core, by = asked(call)
    try:
        tried = await notifications.test(core, by, None)
    except NotFound as error:
        raise ValidationFailed("No notification target is configured and enabled: add one first.") from error
    failed = [f"{each.target.name or each.target.shown}: {each.error}" for each in tried if not each.sent]
    if failed:
        raise UpstreamFailed(f"The test notification was not taken by {'; '.join(failed)}")
    return Reply(data=None, message="Test notification sent.")


def _wanted(body: NotificationsBody, known: Sequence[Target]) -> list[Wanted]:
    chosen = _chosen(known) if body.actions is None else body.actions
    watched = body.monitors(known)
    enabled = any(each.enabled for each in known) if body.enabled is None else body.enabled
    found = [TargetBody(id=each.id, label=each.name) for each in known]
    targets = _matched(found if body.targets is None else body.targets, known)
    if enabled and not targets:
        raise ValidationFailed.of("targets", "add at least one notification target")
    if enabled and not chosen and not watched:
        raise ValidationFailed.of("actions", "select at least one audit event to notify on")
    about = tuple(dict.fromkeys(action for name in chosen for action in ours(name)))
    return [
        replace(
            each,
            form=_FORM,
            actions=about,
            monitors=(*each.monitors, *watched),
            enabled=enabled,
        )
        for each in targets
    ]


def _matched(given: Sequence[TargetBody], known: Sequence[Target]) -> list[Wanted]:
    """Id, label, new URL and other monitors of each; none of the known stands for two."""
    left = list(known)
    found: list[Wanted] = []
    for place, each in enumerate(given):
        url = each.url.get_secret_value().strip() if each.url else ""
        new = url if url and _MASK not in url else None
        same = _known(each, left, known[place] if place < len(known) and new is None else None)
        if same is not None:
            left.remove(same)
        others = () if same is None else tuple(name for name in same.monitors if name not in (_DNS, _USAGE))
        ident = each.id if same is None else same.id
        found.append(Wanted(id=ident, name=each.label, url=new, monitors=others))
    return found


def _known(given: TargetBody, left: Sequence[Target], there: Target | None) -> Target | None:
    """By its id; else by its label; else the one that is `there`, in its place."""
    if given.id:
        return next((each for each in left if each.id == given.id), None)
    if given.label:
        return next((each for each in left if each.name == given.label), None)
    return there if there in left else None


def _chosen(known: Sequence[Target]) -> list[str]:
    """What any target is told of, as the manager calls it."""
    return sorted({theirs(action) for each in known for action in each.actions})


def _watches(known: Sequence[Target], monitor: str) -> bool:
    return any(monitor in each.monitors for each in known)


def _shown(known: Sequence[Target], limits: Settings) -> Mapping[str, Any]:
    """URLs masked, as the manager masks them."""
    enabled, chosen = any(each.enabled for each in known), _chosen(known)
    dns, usage = _watches(known, _DNS), _watches(known, _USAGE)
    return {
        "enabled": enabled,
        "configured": enabled and bool(chosen or dns or usage),
        "actions": chosen,
        "targets": [_target(each) for each in known],
        "target_count": len(known),
        "dns_monitor": {"enabled": dns},
        "quota_monitor": {
            "enabled": usage,
            "quota_percent": limits.mailbox_quota_percent,
            "send_percent": limits.mailbox_send_percent,
        },
        "destructive_action_ids": sorted(DESTRUCTIVE),
    }


def _target(found: Target) -> dict[str, Any]:
    service = found.shown.partition("://")[0]
    return {
        "id": found.id,
        "label": found.name,
        "url": found.shown.removesuffix("...") + _MASK,
        "service": service,
        "service_id": service,
        "last_error": found.last_error or None,
    }


_PATH = "/api/admin/notifications"
_CHANGES: tuple[Method, ...] = ("PUT", "POST")
ROUTES = (
    Route("GET", _PATH, show, summary="Who is told of what", scope=ADMIN),
    *(
        Route(method, _PATH, save, summary="Say who is told of what", body=NotificationsBody, scope=ADMIN)
        for method in _CHANGES
    ),
    Route("GET", f"{_PATH}/actions", actions, summary="What people can be told of", scope=ADMIN),
    Route(
        "POST",
        f"{_PATH}/test",
        test,
        summary="Send a message now",
        scope=ADMIN,
        errors=(UpstreamFailed,),
    ),
)
