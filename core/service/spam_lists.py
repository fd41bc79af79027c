"""Black and white list of a domain's spam filter, at its mail host.

Where the service itself is the host they are the domain's blocklist and safelist. MXroute's hold for the
whole account, whichever domain they were written through.
"""

from typing import Final

from core.audit.entry import Resource
from core.service.by import By, Deed
from core.service.core import Core
from core.service.hosting import Write, carry_out, own
from core.service.spam import READ, WRITE
from core.upstream.errors import NotThere
from core.upstream.provider import MailProvider, SpamList
from core.upstream.rules import check_entry

__all__ = ["add", "listed", "remove"]

_LISTS: Final[dict[SpamList, str]] = {"blacklist": "blocklist", "whitelist": "safelist"}


async def listed(core: Core, by: By, domain: str, which: SpamList) -> tuple[str, ...]:
    """The entries. Raises `NotFound`, `Forbidden`, `ProviderError`."""
    name = await own(core, by, READ, domain)
    return await core.upstream(by.tenant).spam_list(name, which)


async def add(core: Core, by: By, domain: str, which: SpamList, entry: str) -> str:
    """Add an entry and return it as it stands; a word without @ and dot is the name before any @.

    Raises `Refused`, `Conflict` when it is there in any case, `ProviderError`.
    """
    name = await own(core, by, WRITE, domain)
    plain = _plain(entry)
    write = Write(
        act=lambda host: host.add_to_list(name, which, plain),
        happened=lambda host: _stands(host, name, which, plain),
        deed=_deed("add", "rule.added", name, which, plain),
    )
    await carry_out(core, by, write)
    return plain


async def remove(core: Core, by: By, domain: str, which: SpamList, entry: str) -> None:
    """Raises `Refused`, `NotThere`, `ProviderError`."""
    name = await own(core, by, WRITE, domain)
    plain = _plain(entry)
    found = await core.upstream(by.tenant).spam_list(name, which)
    stands = next((each for each in found if each.lower() == plain.lower()), None)
    if stands is None:
        raise NotThere(f"{plain} is not on the {which}")
    write = Write(
        act=lambda host: host.remove_from_list(name, which, stands),
        happened=lambda host: _is_gone(host, name, which, plain),
        deed=_deed("remove", "rule.removed", name, which, plain),
    )
    await carry_out(core, by, write)


def _plain(entry: str) -> str:
    text = check_entry(entry)
    return text if set(text) & set("@.*") else f"{text}@*"


async def _stands(host: MailProvider, domain: str, which: SpamList, entry: str) -> bool:
    return any(each.lower() == entry.lower() for each in await host.spam_list(domain, which))


async def _is_gone(host: MailProvider, domain: str, which: SpamList, entry: str) -> bool:
    return not await _stands(host, domain, which, entry)


def _deed(verb: str, event: str, domain: str, which: SpamList, entry: str) -> Deed:
    about = {"tier": "domain", "list": _LISTS[which], "item": entry}
    return Deed(
        action=f"spam.{which}_{verb}",
        resource=Resource(type="spam-list", id=f"{which}/{domain}", domain=domain),
        before=about if verb == "remove" else None,
        after=about if verb == "add" else None,
        event=event,
        data=about,
    )
