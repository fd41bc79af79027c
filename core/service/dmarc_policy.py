"""The DMARC policy that a domain is to publish: its own, or the default of the configuration."""

from core.audit.entry import Resource
from core.dns.expected import DmarcPolicy, check_policy
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.dns import READ, WRITE
from core.store import dns as stored
from hub.web.errors import ValidationFailed

__all__ = ["policy", "set_policy"]


async def policy(core: Core, by: By, domain: str) -> DmarcPolicy:
    """Raises `NotFound`."""
    async with core.database.read() as tx:
        name = (await visible.domain(tx, by, READ, domain)).name
        custom = await stored.policy(tx, by.tenant, name)
    return DmarcPolicy(default=core.config.dmarc_record, custom=custom)


async def set_policy(core: Core, by: By, domain: str, wanted: str | None) -> DmarcPolicy:
    """Set the domain's own record, or with None go back to the default. It is published by a repair.

    Raises `NotFound`, `ValidationFailed` naming `dmarc_record` and what is wrong in it.
    """
    plain = None if wanted is None else wanted.strip()
    problems = check_policy(plain)
    if problems:
        raise ValidationFailed.of("dmarc_record", "; ".join(problems)[:1000])
    default = core.config.dmarc_record
    async with core.database.begin() as tx:
        name = (await visible.domain(tx, by, WRITE, domain)).name
        was = DmarcPolicy(default=default, custom=await stored.policy(tx, by.tenant, name))
        now = DmarcPolicy(default=default, custom=plain)
        if was == now:
            return now
        await stored.set_policy(tx, by.tenant, name, plain, now_ms=core.clock())
        deed = Deed(
            action="dns.dmarc_policy_clear" if plain is None else "dns.dmarc_policy_update",
            resource=Resource(type="dmarc-policy", id=name, domain=name),
            before={"dmarc_record": was.custom},
            after={"dmarc_record": plain},
            event="dmarc.policy_changed",
            data={"previous": was.effective, **now.as_dict()},
        )
        await record(core, tx, by, deed)
    return now
