"""Safelists and blocklists of the account, of a domain, of a mailbox user."""

from functools import wraps
from typing import Any, Final, Literal

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from core.api.services import asked
from core.dialects.mailchannels.access import OfSubscription, checked, explained, on_domain
from core.dialects.mailchannels.domains import ROOT
from core.dialects.mailchannels.models import ItemView, Lenient
from core.engine.lists import Kind, Tier
from core.lists.items import BadItem, ListName, Shelf, list_named, normalise
from core.lists.service import Wanted
from core.lists.store import Listed
from core.paging.query import MAX_LIMIT
from core.service import lists
from core.service.by import By
from core.service.core import Core
from core.service.lists import READ, WRITE
from core.store import recipients
from core.upstream import kept
from hub.web.errors import NotFound, ValidationFailed
from hub.web.route import Answer, Call, Handler, Reply, Route

__all__ = ["NAMES", "ROUTES", "entries", "put"]

NAMES: Final = ("safelist", "blocklist", "whitelist", "blacklist")
"""The last two are the old names."""
_TYPES: Final = frozenset({"address", "domain", "ip"})
_DEPRECATED: Final = "@1767225600"
"""As on the service's own API (RFC 9745)."""


class ItemBody(Lenient):
    item: str = Field(min_length=1, max_length=1000, description="An address, a domain, an IP address.")


class ItemQuery(OfSubscription):
    item: str = Field(min_length=1, max_length=1000, description="What to take off.")


async def listing(call: Call[OfSubscription, None]) -> Reply:
    core, by = asked(call)
    name = _list(call)
    async with core.database.read() as tx:
        where = await _shelf(tx, by, READ, call)
        found = await entries(core, tx, by, where, name.kind)
    return Reply(data=[ItemView.of(each) for each in found], headers=_headers(name))


async def add(call: Call[OfSubscription, ItemBody]) -> Reply:
    core, by = asked(call)
    name = _list(call)
    async with core.database.begin() as tx:
        where = await _shelf(tx, by, WRITE, call)
        (entry,) = await put(core, tx, by, where, name.kind, [call.body.item])
    return Reply(data=ItemView.of(entry), headers=_headers(name))


async def remove(call: Call[ItemQuery, None]) -> Reply:
    """What does not stand there is gone as well."""
    core, by = asked(call)
    name = _list(call)
    async with core.database.begin() as tx:
        where = await _shelf(tx, by, WRITE, call)
        try:
            await lists.remove_items(core, tx, by, where, name.kind, [call.query.item])
        except NotFound:
            return Reply(data=None, headers=_headers(name))
    return Reply(data=None, headers=_headers(name))


async def entries(core: Core, tx: AsyncConnection, by: By, where: Shelf, kind: Kind | None) -> list[Listed]:
    """All of a list: this API has no pages of them."""
    found: list[Listed] = []
    cursor: str | None = None
    while True:
        page = await lists.listed(core, tx, by, where, kind, limit=MAX_LIMIT, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def put(
    core: Core, tx: AsyncConnection, by: By, where: Shelf, kind: Kind, items: list[str]
) -> list[Listed]:
    """Each with its entry, whether it is new or was there already.

    Raises `ValidationFailed` for what is neither an IP address nor a mail address nor a domain.
    """
    for item in items:
        _check(item)
    results = await lists.add_many(core, tx, by, where, kind, [Wanted(item=each) for each in items])
    bad = next((each for each in results if each.entry is None), None)
    if bad is not None:
        raise ValidationFailed.of("item", bad.error)
    return [each.entry for each in results if each.entry is not None]


def _check(item: str) -> None:
    try:
        good = normalise(item).type in _TYPES
    except BadItem as error:
        raise ValidationFailed.of("item", str(error)) from error
    if not good:
        raise ValidationFailed.of("item", f"{item[:80]!r} is no IP address, mail address or domain")


def _list(call: Call[Any, Any]) -> ListName:
    given = call.path["listname"]
    if given not in NAMES:
        raise NotFound(f"No list is named {given[:40]!r}: safelist or blocklist.")
    return list_named(given)


def _headers(name: ListName) -> dict[str, str]:
    return {"Deprecation": _DEPRECATED} if name.deprecated else {}


async def _shelf(tx: AsyncConnection, by: By, scope: str, call: Call[Any, Any]) -> Shelf:
    tier, owner = _place(call)
    where = await lists.shelf(tx, by, scope, tier, owner)
    if tier == "user":
        await _check_account(tx, by, where)
    return where


def _place(call: Call[Any, Any]) -> tuple[Tier, str]:
    if "email" in call.path:
        return "user", call.path["email"]
    return ("domain", call.path["domain"]) if "domain" in call.path else ("account", "")


async def _check_account(tx: AsyncConnection, by: By, where: Shelf) -> None:
    """Somebody said something about the recipient, or there is a mailbox. Raises `NotFound`."""
    if await recipients.find(tx, by.tenant, where.owner) is not None:
        return
    local = where.owner.rpartition("@")[0]
    if not await kept.mailboxes_of(tx, where.domain, local):
        raise NotFound(f"There is no account {where.owner}: make it with PUT /users.")


def _of_account(handler: Handler) -> Handler:
    @wraps(handler)
    async def of_account(call: Call[Any, Any]) -> Answer:
        return await handler(call)

    return _named(of_account, "account")


def _of_domain(handler: Handler) -> Handler:
    return _named(on_domain(handler), "domain")


def _of_user(handler: Handler) -> Handler:
    @wraps(handler)
    async def of_user(call: Call[Any, Any]) -> Answer:
        core, by = asked(call)
        name = checked(call.path["email"].rpartition("@")[2], "email")
        async with explained(core, by, name):
            return await handler(call)

    return _named(of_user, "user")


def _named(handler: Handler, tier: Literal["account", "domain", "user"]) -> Handler:
    handler.__name__ = f"{tier}_{handler.__name__}"
    return handler


def _three(path: str, of: str, wrap: Any) -> tuple[Route, ...]:
    path = f"{ROOT}{path}/lists/{{listname}}"
    return (
        Route(
            "GET",
            path,
            wrap(listing),
            summary=f"Entries of a list {of}",
            query=OfSubscription,
            response=list[ItemView],
            scope=READ,
            errors=(NotFound,),
        ),
        Route(
            "POST",
            path,
            wrap(add),
            summary=f"Add an entry to a list {of}; what it is is found out from it",
            query=OfSubscription,
            body=ItemBody,
            response=ItemView,
            status=201,
            scope=WRITE,
            errors=(NotFound,),
        ),
        Route(
            "DELETE",
            path,
            wrap(remove),
            summary=f"Remove an entry from a list {of}",
            query=ItemQuery,
            status=204,
            scope=WRITE,
            errors=(NotFound,),
        ),
    )


ROUTES = (
    *_three("", "of the account", _of_account),
    *_three("/domains/{domain}", "of a domain", _of_domain),
    *_three("/users/{email}", "of a mailbox user", _of_user),
)
