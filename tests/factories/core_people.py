"""People and browsers for tests of the core's API."""

from dataclasses import dataclass
from typing import Any

import pyotp

from hub.access.audit import SYSTEM
from hub.access.sessions import COOKIE, csrf_token
from tests.factories.core_api import Api, Said

__all__ = ["PASSWORD", "Browser", "code_of", "cookie_of", "enrolled", "person", "signed_in"]

PASSWORD = "correct horse battery"


@dataclass(slots=True)
class Browser:
    """Sends the cookie of its session, and its CSRF token unless told otherwise."""

    api: Api
    cookie: str

    async def call(self, method: str, path: str, json: Any = None, *, csrf: bool = True, **more: Any) -> Said:
        headers = {"Cookie": f"{COOKIE}={self.cookie}", **more.pop("headers", {})}
        if csrf:
            headers["X-CSRF-Token"] = csrf_token(self.cookie)
        return await self.api.call(method, path, json, key="", headers=headers, **more)


def cookie_of(said: Said, name: str = COOKIE) -> str:
    """What an answer set."""
    given = said.headers["Set-Cookie"]
    assert given.startswith(f"{name}=")
    return given.partition("=")[2].partition(";")[0]


async def person(api: Api, login: str = "jo@example.com", **values: Any):
    """An account with the password of the tests."""
    given = {"tenant": "default", "login": login, "password": PASSWORD, **values}
    return await api.core.access.directory.make(SYSTEM, **given)


async def signed_in(api: Api, login: str = "jo@example.com", password: str = PASSWORD) -> Browser:
    said = await api.call("POST", "/sessions", {"login": login, "password": password}, key="")
    assert said.status == 200, said.raw
    return Browser(api, cookie_of(said))


async def enrolled(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """The authenticator of who now has a second factor, and the recovery codes."""
    begun = await browser.call("POST", "/me/second-factor")
    authenticator = pyotp.parse_uri(begun.data["uri"])
    confirmed = await browser.call(
        "POST", "/me/second-factor/confirm", {"code": code_of(browser.api, authenticator)}
    )
    assert confirmed.status == 200, confirmed.raw
    browser.api.core.clock.advance(30)
    return authenticator, confirmed.data["recovery_codes"]


def code_of(api: Api, authenticator: pyotp.TOTP) -> str:
    return authenticator.at(api.core.clock() // 1000)
