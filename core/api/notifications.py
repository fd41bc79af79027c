"""`/notifications`: whom people are told of what is done."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.fields import Text, Word
from core.api.services import asked
from core.outward.watch import DESTRUCTIVE_PRESET, MONITORS
from core.service import notifications
from core.store.clock import iso_millis
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "TargetView"]

Form = Literal["mxhub", "mxroute-manager"]
Action = Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_.]*\*?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WantedTarget(_Strict):
    id: Word | None = Field(None, description="Of a target that is there; none for a new one.")
    name: Text = ""
    url: SecretStr | None = Field(
        None, min_length=1, max_length=2000, description="An Apprise URL; without it the present one stays."
    )
    form: Form | None = Field(None, description="In whose words; without it the present one, or mxhub.")
    actions: list[Action] = Field(
        default_factory=list,
        max_length=200,
        description=f"Audit actions; `mailbox.*` for all that begin so; `{DESTRUCTIVE_PRESET}`.",
    )
    monitors: list[Word] = Field(
        default_factory=list, max_length=50, description=f"Of {', '.join(sorted(MONITORS))}."
    )
    enabled: bool = True


class Put(_Strict):
    targets: list[WantedTarget] = Field(max_length=notifications.MAX_TARGETS)


class Test(_Strict):
    target: Word | None = Field(None, description="Its id; without it all that are enabled.")


class TargetView(BaseModel):
    """A target; of its URL only what is no secret."""

    id: str
    name: str
    to: str
    form: str
    actions: list[str]
    monitors: list[str]
    enabled: bool
    failing_since: str | None
    last_error: str | None
    delivered: int
    given_up: int

    @classmethod
    def of(cls, target: notifications.Target) -> "TargetView":
        since = target.failing_since_ms
        same: dict[str, Any] = {
            name: getattr(target, name) for name in ("id", "name", "form", "enabled", "delivered", "given_up")
        }
        return cls(
            **same,
            to=target.shown,
            actions=list(target.actions),
            monitors=list(target.monitors),
            failing_since=iso_millis(since),
            last_error=target.last_error or None,
        )


class SettingsView(BaseModel):
    targets: list[TargetView]
    monitors: dict[str, list[str]] = Field(description="Names to choose from, and what each tells by.")


class TriedView(BaseModel):
    target: str
    sent: bool
    status: int | None
    error: str | None


def _settings(targets: list[notifications.Target]) -> SettingsView:
    monitors = {name: list(actions) for name, actions in MONITORS.items()}
    return SettingsView(targets=[TargetView.of(one) for one in targets], monitors=monitors)


async def every(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=_settings(await notifications.every(tx, by)))


async def put(call: Call[None, Put]) -> Reply:
    core, by = asked(call)
    wanted = [
        notifications.Wanted(
            id=one.id,
            name=one.name,
            url=one.url.get_secret_value() if one.url else None,
            form=one.form,
            actions=tuple(one.actions),
            monitors=tuple(one.monitors),
            enabled=one.enabled,
        )
        for one in call.body.targets
    ]
    async with core.database.begin() as tx:
        return Reply(data=_settings(await notifications.put(core, tx, by, wanted)))


async def test(call: Call[None, Test]) -> Reply:
    core, by = asked(call)
    tried = await notifications.test(core, by, call.body.target)
    rows = [
        TriedView(target=one.target.id, sent=one.sent, status=one.status, error=one.error or None)
        for one in tried
    ]
    return Reply(data=rows)


_PATH = "/api/v1/notifications"

ROUTES = (
    Route(
        "GET",
        _PATH,
        every,
        summary="Who is told of what is done",
        response=SettingsView,
        scope="notifications:read",
    ),
    Route(
        "PUT",
        _PATH,
        put,
        summary="Say who is told of what is done",
        body=Put,
        response=SettingsView,
        scope="notifications:write",
    ),
    Route(
        "POST",
        f"{_PATH}/test",
        test,
        summary="Send a message now",
        body=Test,
        response=list[TriedView],
        scope="notifications:write",
        errors=(NotFound,),
    ),
)
