"""Signing in and out: the first administrator, password and second factor, an OIDC provider."""

from typing import Final

from core.service.access_errors import access_errors
from core.service.core import Core
from hub.access.accounts import Account
from hub.access.oidc import Begun
from hub.access.plans import Window
from hub.access.sign_in import Pending, SignedIn, Visitor
from hub.web.errors import NotFound, RateLimited, Unauthorized

__all__ = ["begin_oidc", "by_password", "claim", "finish_oidc", "second_factor", "sign_out"]

_CLAIMS: Final = Window("claim", 20, 600_000)


async def claim(core: Core, token: str, login: str, password: str, visitor: Visitor) -> Account:
    """The first administrator, by the token that the first start printed.

    Raises `Unauthorized`, `ValidationFailed`, `RateLimited`.
    """
    budget = await core.access.limiter.take([_CLAIMS], f"ip {visitor.ip}", tenant="claim")
    if not budget.granted:
        raise RateLimited("Too many attempts.", retry_after_s=budget.retry_after_s)
    with access_errors():
        made = await core.access.directory.claim(token, login=login, password=password)
    if made is None:
        raise Unauthorized("The token is worth nothing: start the service again, and take the one it prints.")
    return made


async def by_password(core: Core, login: str, password: str, visitor: Visitor) -> SignedIn | Pending:
    """Raises `Unauthorized` in one word for every reason, `RateLimited`."""
    with access_errors():
        return await core.access.sign_in.by_password(login, password, visitor)


async def second_factor(core: Core, pending: str, code: str, visitor: Visitor) -> SignedIn:
    """`pending` is of `by_password` or `finish_oidc`. Raises as `by_password`."""
    with access_errors():
        return await core.access.sign_in.finish(Pending(pending), code, visitor)


async def begin_oidc(core: Core) -> Begun:
    """Raises `NotFound` where no provider is configured, `UpstreamFailed`."""
    if core.oidc is None:
        raise NotFound("No identity provider is configured.")
    with access_errors():
        return await core.oidc.begin()


async def finish_oidc(
    core: Core, *, code: str, state: str, binding: str, issuer: str | None, visitor: Visitor
) -> SignedIn | Pending:
    """What the browser brought back. Raises `Unauthorized`, `NotFound`, `UpstreamFailed`."""
    if core.oidc is None:
        raise NotFound("No identity provider is configured.")
    with access_errors():
        identity = await core.oidc.finish(code=code, state=state, binding=binding, issuer=issuer)
        return await core.access.sign_in.by_identity(identity, visitor)


async def sign_out(core: Core, cookie: str) -> None:
    """A session that is gone already is no error."""
    await core.access.sessions.end(cookie)
