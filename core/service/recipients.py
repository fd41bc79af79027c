"""Recipients and what is set for each: whether their mail is filtered, whether they are administrators."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.engine.lists import owner_address
from core.paging.keyset import Asked, Page, page
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.domain_text import checked_address
from core.store import recipients as stored
from core.store.recipients import Filtering, Recipient
from hub.web.errors import NotFound, ValidationFailed

__all__ = ["READ", "WRITE", "get", "listed", "put", "remove"]

READ: Final = "users:read"
WRITE: Final = "users:write"


async def listed(
    core: Core, tx: AsyncConnection, by: By, domain: str, *, limit: int = 100, cursor: str | None = None
) -> Page[Recipient]:
    """A domain's recipients, the newest first. Raises `NotFound`, `Forbidden`, and as `core.paging` does."""
    name = (await visible.domain(tx, by, READ, domain)).name
    asked = Asked(
        scope=f"recipients:{by.tenant}:{name}", filters={}, limit=limit, cursor=cursor, now_ms=core.clock()
    )
    query = stored.select_from(by.tenant, name)
    return (await page(tx, query, stored.BY, core.cursors, asked)).of(stored.of)


async def get(tx: AsyncConnection, by: By, email: str) -> Recipient:
    """Raises `NotFound`, `Forbidden`."""
    address = await _own(tx, by, READ, email)
    found = await stored.find(tx, by.tenant, address)
    if found is None:
        raise NotFound(f"Nothing is set for {address}.")
    return found


async def put(
    core: Core,
    tx: AsyncConnection,
    by: By,
    email: str,
    *,
    admin: bool | None = None,
    filtering: Filtering | None = None,
    must_exist: bool = False,
) -> tuple[Recipient, bool]:
    """Make a recipient or change one, and whether it is new; None leaves what is there (else false, compute).

    Raises `NotFound` (the domain; with `must_exist` the recipient too), `Forbidden`.
    """
    address = await _own(tx, by, WRITE, email)
    before = await stored.find(tx, by.tenant, address)
    if before is None and must_exist:
        raise NotFound(f"Nothing is set for {address}.")
    was_admin = before is not None and before.admin
    was: Filtering = "compute" if before is None else before.filter
    new_admin, new = was_admin if admin is None else admin, filtering or was
    if before is not None and (new_admin, new) == (was_admin, was):
        return before, False
    after = await stored.put(tx, by.tenant, address, admin=new_admin, filtering=new, now_ms=core.clock())
    action = "user.created" if before is None else "user.updated"
    old = None if before is None else _said(before)
    await record(core, tx, by, _deed(action, after, old, _said(after)))
    return after, before is None


async def remove(core: Core, tx: AsyncConnection, by: By, email: str) -> Recipient:
    """Forget what is set for a recipient; their lists stay. Raises `NotFound`, `Forbidden`."""
    address = await _own(tx, by, WRITE, email)
    found = await stored.find(tx, by.tenant, address)
    if found is None:
        raise NotFound(f"Nothing is set for {address}.")
    await stored.remove(tx, by.tenant, address)
    await record(core, tx, by, _deed("user.deleted", found, _said(found), None))
    return found


async def _own(tx: AsyncConnection, by: By, scope: str, email: str) -> str:
    """The address in its normal form (`name+tag` is `name`), once it is known that the caller may."""
    try:
        address = owner_address(checked_address(email, field="email"))
    except ValidationFailed as error:
        raise NotFound(error.message) from error
    await visible.domain(tx, by, scope, address.rpartition("@")[2])
    return address


def _said(recipient: Recipient) -> dict[str, object]:
    return {"admin": recipient.admin, "filter": recipient.filter}


def _deed(
    action: str, recipient: Recipient, before: dict[str, object] | None, after: dict[str, object] | None
) -> Deed:
    resource = Resource(type="user", id=recipient.email, domain=recipient.domain)
    return Deed(action=action, resource=resource, before=before, after=after)
