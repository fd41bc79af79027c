"""Pointers: other names of a domain at its mail host, with the same mailboxes or as a redirect."""

from core.audit.entry import Resource
from core.service.by import By, Deed
from core.service.core import Core
from core.service.domain_text import checked_name
from core.service.hosting import Write, carry_out, own
from core.store import domain_names
from core.upstream import kept
from core.upstream.errors import NotThere
from core.upstream.provider import MailProvider, Pointer
from hub.access.domain_names import normal_domain
from hub.web.access import authorize
from hub.web.errors import Conflict

__all__ = ["READ", "WRITE", "create", "listed", "pending", "remove"]

READ = "forwarders:read"
WRITE = "forwarders:write"


async def listed(core: Core, by: By, domain: str) -> tuple[Pointer, ...]:
    """All of the domain, by name. Raises `NotFound`, `Forbidden`, `ProviderError`."""
    name = await own(core, by, READ, domain)
    return tuple(sorted(await core.upstream(by.tenant).pointers(name), key=lambda each: each.name))


async def pending(core: Core, by: By, domain: str) -> frozenset[str]:
    """Other names of the domain that are not verified yet. Raises `NotFound`, `Forbidden`."""
    name = await own(core, by, READ, domain)
    async with core.database.read() as tx:
        return frozenset(await domain_names.unproven(tx, name))


async def create(core: Core, by: By, domain: str, pointer: Pointer) -> Pointer:
    """Point another name at a domain. With `verify_domains` it takes no mail here until it is verified.

    Raises `ValidationFailed`, `Forbidden` where the scope does not hold on that name as well, `Conflict` when
    the name is in use, `ProviderError`.
    """
    name = await own(core, by, WRITE, domain)
    plain = checked_name(pointer.name, refused=core.config.blocked_domains, field="pointer")
    authorize(by.principal, WRITE, plain)
    async with core.database.read() as tx:
        taken = await domain_names.taken(tx, [plain])
    if plain in taken.domains or plain in taken.aliases or plain in taken.pointers:
        raise Conflict(f"{plain} is a domain or another name of one here already")
    new = Pointer(name=plain, is_alias=pointer.is_alias)
    write = Write(
        act=lambda host: host.add_pointer(name, new),
        happened=lambda host: _points(host, name, plain),
        mirror=lambda tx: kept.add_pointer(tx, by.tenant, name, new, now_ms=core.clock()),
        keep=(lambda tx: domain_names.suspect(tx, name, plain)) if core.config.verify_domains else None,
        deed=_deed("pointer.create", name, new, after={"is_alias": new.is_alias}),
    )
    await carry_out(core, by, write)
    return new


async def remove(core: Core, by: By, domain: str, pointer: str) -> None:
    """Raises `NotFound`, `Forbidden`, `NotThere`, `ProviderError`."""
    name, wanted = await own(core, by, WRITE, domain), normal_domain(pointer)
    found = await core.upstream(by.tenant).pointers(name)
    was = next((each for each in found if each.name == wanted), None)
    if was is None:
        raise NotThere(f"{name} has no pointer {wanted[:253]}")
    write = Write(
        act=lambda host: host.remove_pointer(name, wanted),
        happened=lambda host: _is_gone(host, name, wanted),
        mirror=lambda tx: kept.remove_pointer(tx, name, wanted),
        deed=_deed("pointer.delete", name, was, before={"is_alias": was.is_alias}),
    )
    await carry_out(core, by, write)


async def _points(host: MailProvider, domain: str, pointer: str) -> bool:
    return any(each.name == pointer for each in await host.pointers(domain))


async def _is_gone(host: MailProvider, domain: str, pointer: str) -> bool:
    return not await _points(host, domain, pointer)


def _deed(
    action: str,
    domain: str,
    pointer: Pointer,
    *,
    before: dict[str, bool] | None = None,
    after: dict[str, bool] | None = None,
) -> Deed:
    resource = Resource(type="pointer", id=pointer.name, domain=domain)
    return Deed(action=action, resource=resource, before=before, after=after)
