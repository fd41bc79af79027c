"""For administrators: settings, delegations, and, in a session only, API tokens."""

from dataclasses import asdict
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from core.api.fields import Word
from core.api.services import asked
from core.dialects.mxroute_manager.access import shown_grants
from core.dialects.mxroute_manager.form import Beside
from core.service import api_keys, people, settings
from core.service.api_keys import NewKey
from core.service.by import By
from core.service.core import Core
from core.service.people import Delegation
from core.store.clock import iso_millis
from hub.access.keys import Key
from hub.access.principal import Grant
from hub.access.scopes import ADMIN, PERMISSIONS
from hub.web.errors import Forbidden, NotFound, ValidationFailed
from hub.web.route import Call, Method, Reply, Route

__all__ = ["ROUTES"]


class GrantBody(BaseModel):
    domain: str = Field(max_length=300)
    permissions: list[str] = Field(min_length=1, max_length=len(PERMISSIONS))


class DelegationBody(BaseModel):
    username: str = Field(max_length=256, validation_alias=AliasChoices("username", "email"))
    grants: list[GrantBody] = Field(min_length=1, max_length=1000)


class SettingsBody(BaseModel):
    """What is given is changed."""

    model_config = ConfigDict(extra="allow")


class TokenBody(BaseModel):
    label: Word = Field(max_length=80)
    is_admin: bool = False
    grants: list[GrantBody] = Field(default_factory=list, max_length=1000)


async def get_settings(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await settings.get(tx, by)
    return Reply(data=_settings(core, found))


async def set_settings(call: Call[None, SettingsBody]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        changed = await settings.change(core, tx, by, call.body.model_extra or {})
    return Reply(data=_settings(core, changed))


def _settings(core: Core, found: settings.Settings) -> dict[str, Any]:
    """With the two of the configuration that the page names; they are changed there."""
    config = core.config
    return {
        **asdict(found),
        "dmarc_record": config.dmarc_record,
        "public_url_scheme": config.public_url_scheme,
    }


async def delegations(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    given = await people.delegations(core, by)
    found = [_delegation(one) for one in given]
    return Reply(data=Beside(found, {"permissions": list(PERMISSIONS)}))


async def delegate(call: Call[None, DelegationBody]) -> Reply:
    core, by = asked(call)
    made = await people.delegate(core, by, call.body.username, _grants(call.body.grants))
    return Reply(data=_delegation(made))


def _delegation(found: Delegation) -> dict[str, Any]:
    login = found.account.login
    return {"username": login, "email": login, "grants": shown_grants(found.grants)}


async def undelegate(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await people.undelegate(core, by, call.path["user"])
    return Reply(data=None)


async def tokens(call: Call[None, None]) -> Reply:
    core, by = _in_a_session(call)
    return Reply(data=[_token(one) for one in await api_keys.every(core, by)])


async def make_token(call: Call[None, TokenBody]) -> Reply:
    """Its text is in this answer and nowhere else."""
    core, by = _in_a_session(call)
    body = call.body
    grants = (Grant.of(["full-admin"]),) if body.is_admin else _grants(body.grants)
    new = NewKey(grants=grants, description=body.label, style="mxroute-manager")
    made = await api_keys.make(core, by, new)
    return Reply(data={**_token(made.key), "token": made.text})


async def revoke_token(call: Call[None, None]) -> Reply:
    core, by = _in_a_session(call)
    return Reply(data=_token(await api_keys.revoke(core, by, call.path["token"])))


def _in_a_session(call: Call[None, Any]) -> tuple[Core, By]:
    """Whoever makes tokens makes rights: no token does, an administrator's neither."""
    core, by = asked(call)
    if by.principal.kind == "key":
        raise Forbidden("API tokens are managed in a browser session of an administrator only.")
    return core, by


def _grants(given: list[GrantBody]) -> tuple[Grant, ...]:
    for one in given:
        unknown = set(one.permissions) - set(PERMISSIONS)
        if unknown:
            raise ValidationFailed.of("permissions", f"some of {', '.join(PERMISSIONS)}")
    try:
        return tuple(Grant.of(one.permissions, [one.domain]) for one in given)
    except ValueError as error:
        raise ValidationFailed.of("grants", str(error)) from error


def _token(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.description,
        "prefix": key.prefix[:12],
        "token_prefix": key.prefix[:12],
        "is_admin": key.principal().is_full_admin,
        "grants": shown_grants(key.grants),
        "created_at": iso_millis(key.created_ms),
        "last_used_at": iso_millis(key.last_used_ms),
        "revoked_at": iso_millis(key.revoked_ms),
    }


_SETTINGS, _GIVEN, _TOKENS = "/api/admin/settings", "/api/admin/delegations", "/api/admin/api-tokens"
_NONE = (NotFound,)
_CHANGES: tuple[Method, ...] = ("PATCH", "POST")
ROUTES = (
    Route("GET", _SETTINGS, get_settings, summary="Settings", scope=ADMIN),
    *(
        Route(method, _SETTINGS, set_settings, summary="Change settings", body=SettingsBody, scope=ADMIN)
        for method in _CHANGES
    ),
    Route("GET", _GIVEN, delegations, summary="Delegations", scope=ADMIN),
    Route(
        "POST", _GIVEN, delegate, summary="Delegate domains", body=DelegationBody, scope=ADMIN, errors=_NONE
    ),
    Route("DELETE", f"{_GIVEN}/{{user}}", undelegate, summary="End a delegation", scope=ADMIN, errors=_NONE),
    Route("GET", _TOKENS, tokens, summary="API tokens", scope=ADMIN),
    Route("POST", _TOKENS, make_token, summary="Make a token", body=TokenBody, status=201, scope=ADMIN),
    Route(
        "DELETE", f"{_TOKENS}/{{token}}", revoke_token, summary="Revoke a token", scope=ADMIN, errors=_NONE
    ),
)
