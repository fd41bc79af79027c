"""Safelists and blocklists of the account, of a domain, of an address: user before domain before account."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.list_models import EntryBody, EntryView, ResultView, wanted
from core.api.services import asked
from core.engine.lists import Tier
from core.lists.items import ListName, list_named
from core.lists.service import MAX_ITEMS
from core.paging.query import Paging
from core.service import lists
from core.service.lists import READ, WRITE
from hub.web.errors import Conflict, CursorExpired, NotFound, ValidationFailed
from hub.web.route import Call, Handler, Reply, Route

__all__ = ["ROUTES"]

_DEPRECATED = "@1767225600"
"""2026-01-01 as RFC 9745 writes it: from the first release on the old names are second names."""


class NewEntriesBody(EntryBody):
    """One item, or many that share note and end."""

    item: str | None = Field(
        None, max_length=1000, description="An address, domain, .domain, IP, CIDR, or *."
    )
    items: list[str] | None = Field(None, min_length=1, max_length=MAX_ITEMS, description="Or many of them.")


class AddedView(BaseModel):
    results: list[ResultView] = Field(description="One for each item, in order.")
    added: int
    exists: int
    invalid: int


class ItemQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    item: list[str] = Field(
        min_length=1, max_length=MAX_ITEMS, description="What to take off; may be repeated."
    )


def _place(call: Call[Any, Any]) -> tuple[Tier, str]:
    if "email" in call.path:
        return "user", call.path["email"]
    return ("domain", call.path["domain"]) if "domain" in call.path else ("account", "")


def _list(call: Call[Any, Any]) -> ListName:
    try:
        return list_named(call.path["list"])
    except ValueError as error:
        raise NotFound(str(error)) from error


def _headers(name: ListName) -> dict[str, str]:
    return {"Deprecation": _DEPRECATED} if name.deprecated else {}


async def listing(call: Call[Paging, None]) -> Reply:
    core, by = asked(call)
    name = _list(call)
    async with core.database.read() as tx:
        where = await lists.shelf(tx, by, READ, *_place(call))
        found = await lists.listed(
            core, tx, by, where, name.kind, limit=call.query.limit, cursor=call.query.cursor
        )
    entries = [EntryView.of(each) for each in found.items]
    return Reply(data=entries, pagination=found.pagination(), message=name.deprecated, headers=_headers(name))


async def add(call: Call[None, NewEntriesBody]) -> Reply:
    core, by = asked(call)
    name, body = _list(call), call.body
    items = _given(body)
    async with core.database.begin() as tx:
        where = await lists.shelf(tx, by, WRITE, *_place(call))
        if body.item is not None:
            one = await lists.add(core, tx, by, where, name.kind, wanted(body.item, body))
            entry = EntryView.of(one.entry)
            conflicts = [EntryView.of(each) for each in one.conflicts]
            result = ResultView(item=entry.item, status="added", error="", entry=entry, conflicts=conflicts)
            return _added([result], name)
        many = await lists.add_many(core, tx, by, where, name.kind, [wanted(each, body) for each in items])
    return _added([ResultView.of(each) for each in many], name)


async def remove(call: Call[ItemQuery, None]) -> Reply:
    core, by = asked(call)
    name = _list(call)
    async with core.database.begin() as tx:
        where = await lists.shelf(tx, by, WRITE, *_place(call))
        gone = await lists.remove_items(core, tx, by, where, name.kind, call.query.item)
    return Reply(data=[EntryView.of(each) for each in gone], message=name.deprecated, headers=_headers(name))


def _given(body: NewEntriesBody) -> list[str]:
    if (body.item is None) == (body.items is None):
        raise ValidationFailed.of("item", "give item or items")
    return [body.item] if body.item is not None else list(body.items or ())


def _added(results: Sequence[ResultView], name: ListName) -> Reply:
    counts = {
        status: sum(each.status == status for each in results) for status in ("added", "exists", "invalid")
    }
    view = AddedView(results=list(results), **counts)
    status = 201 if counts["added"] else 200
    return Reply(data=view, status=status, message=name.deprecated, headers=_headers(name))


async def domain_listing(call: Call[Paging, None]) -> Reply:
    return await listing(call)


async def domain_add(call: Call[None, NewEntriesBody]) -> Reply:
    return await add(call)


async def domain_remove(call: Call[ItemQuery, None]) -> Reply:
    return await remove(call)


async def user_listing(call: Call[Paging, None]) -> Reply:
    return await listing(call)


async def user_add(call: Call[None, NewEntriesBody]) -> Reply:
    return await add(call)


async def user_remove(call: Call[ItemQuery, None]) -> Reply:
    return await remove(call)


def _three(path: str, of: str, read: Handler, write: Handler, take_off: Handler) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            path,
            read,
            summary=f"A list {of}, the newest entries first",
            query=Paging,
            response=list[EntryView],
            scope=READ,
            errors=(NotFound, CursorExpired),
        ),
        Route(
            "POST",
            path,
            write,
            summary=f"Put one item, or many, on a list {of}",
            body=NewEntriesBody,
            response=AddedView,
            status=201,
            scope=WRITE,
            errors=(NotFound, Conflict),
            creates=True,
        ),
        Route(
            "DELETE",
            path,
            take_off,
            summary=f"Take items off a list {of}",
            query=ItemQuery,
            response=list[EntryView],
            scope=WRITE,
            errors=(NotFound,),
        ),
    )


ROUTES = (
    *_three("/api/v1/lists/{list}", "of the account", listing, add, remove),
    *_three(
        "/api/v1/domains/{domain}/lists/{list}", "of a domain", domain_listing, domain_add, domain_remove
    ),
    *_three("/api/v1/users/{email}/lists/{list}", "of an address", user_listing, user_add, user_remove),
)
