"""The one webhook of a sandbox's own: where its events are pushed is what it was started with this time."""

from dataclasses import dataclass, field
from typing import Final

from core.sandbox.furnish import person
from core.service import webhooks
from core.service.core import Core
from core.store import webhooks as stored

__all__ = ["NAME", "Hook", "point"]

NAME: Final = "sandbox"
"""Its description."""
_ADMIN = person("admin", "10.0.0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where events are pushed, and what they are signed with."""

    url: str
    secret: str = field(repr=False)


async def point(core: Core, hook: Hook | None, form: str, names: tuple[str, ...]) -> None:
    """Push to `hook` from now on. What waited for it under another address or secret is sent there, too;
    without one it is given up. Raises `ApiError` for a webhook that cannot be.
    """
    async with core.database.begin() as tx:
        own = [each for each in await webhooks.every(tx, _ADMIN) if each.description == NAME]
        for each in own[1:] if hook else own:
            await webhooks.delete(core, tx, _ADMIN, each.id)
        if hook is None:
            return
        if not own:
            new = webhooks.New(url=hook.url, events=names, form=form, description=NAME, secret=hook.secret)
            await webhooks.create(core, tx, _ADMIN, new)
            return
        kept = own[0].id
        if not _signs(core, own[0], hook.secret):
            await webhooks.rotate(core, tx, _ADMIN, kept, overlap_s=0, secret=hook.secret)
        # while nobody ran it, it did not fail
        await stored.change(tx, kept, enabled=True, disabled_reason="", failing_since_ms=None, last_error="")
        changes = webhooks.Changes(url=hook.url, events=names, form=form)
        await webhooks.change(core, tx, _ADMIN, kept, changes)


def _signs(core: Core, webhook: webhooks.Webhook, secret: str) -> bool:
    try:
        return core.outward.sealer.open(webhook.secret) == secret
    except ValueError:  # of an earlier release, or sealed by a key that is gone
        return False
