"""What a mail host elsewhere holds of a domain, as routing decides by it."""

from core.upstream.errors import NotThere
from core.upstream.provider import Forwarder, HostedDomain, MailProvider
from core.upstream.routing import Hosting

__all__ = ["hosting"]


async def hosting(provider: MailProvider, domain: str) -> Hosting | None:
    """Read what decides; None where the host does not know the domain, or takes no mail for it.

    Raises `ProviderError`.
    """
    try:
        known = await provider.domain(domain)
    except NotThere:
        return None
    if not known.is_hosting:
        return None
    boxes = await provider.mailboxes(domain)
    return Hosting(
        domain=known.name,
        mailboxes=frozenset(each.username.lower() for each in boxes),
        suspended=frozenset(each.username.lower() for each in boxes if each.is_suspended),
        forwarders=_merged(await provider.forwarders(domain)),
        catch_all=await provider.catch_all(domain),
        aliases=await _aliases(provider, known),
    )


async def _aliases(provider: MailProvider, known: HostedDomain) -> frozenset[str]:
    if not known.pointers:
        return frozenset()
    return frozenset(each.name for each in await provider.pointers(known.name) if each.is_alias)


def _merged(forwarders: tuple[Forwarder, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for each in forwarders:
        found[each.alias.lower()] = (*found.get(each.alias.lower(), ()), *each.destinations)
    return found
