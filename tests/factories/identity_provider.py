"""A real OpenID provider as a process on loopback, and the browser of somebody who signs in there."""

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp

__all__ = ["CALLBACK", "CLIENT", "ELSEWHERE", "JO", "MIXED", "SECRET", "IdentityProvider", "browse"]

CLIENT, SECRET = "mxhub", "the secret of mxhub"
ELSEWHERE = "elsewhere"
"""Another client of the provider, with the same secret."""
MIXED = "mixed"
"""A client whose tokens are for `ELSEWHERE`."""
CALLBACK = "https://mail.example/api/v1/sessions/oidc/callback"
JO = "jo"
_PASSWORD = "correct horse battery staple"
_LASTS_S = 120
_ROOT = Path(__file__).resolve().parents[2]


def _client(name: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": name,
        "client_secret": SECRET,
        "client_name": name,
        "client_uri": "https://mail.example",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": ["openid", "email", "profile"],
        "token_endpoint_auth_method": "client_secret_basic",
        **more,
    }


class IdentityProvider:
    """`with IdentityProvider() as provider`: Canaille at `provider.issuer`, its tokens last 120 s."""

    def __init__(self) -> None:
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        given = {
            "port": self._port,
            "lasts_s": _LASTS_S,
            "people": [
                {
                    "user_name": JO,
                    "formatted_name": "Jo Doe",
                    "family_name": "Doe",
                    "emails": ["jo@example.com"],
                    "password": _PASSWORD,
                }
            ],
            "clients": [_client(CLIENT), _client(ELSEWHERE), _client(MIXED, audience=[ELSEWHERE])],
        }
        command = [sys.executable, "-m", "tests.factories.identity_server", json.dumps(given)]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, "it did not start"
        self._port = int(said)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def restart(self) -> None:
        """At the same address, with another key."""
        self.__exit__()
        self.__enter__()


async def browse(url: str, *, password: str = _PASSWORD, answer: str = "accept") -> dict[str, str]:
    """Sign in as Jo and agree: what the provider sends the browser back to `CALLBACK` with.

    Raises `AssertionError` when it never does.
    """
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        fills = {"login": JO, "password": password, "answer": answer}
        method, form = "GET", None
        for _ in range(12):
            async with session.request(method, url, data=form, allow_redirects=False) as said:
                page, status, at = await said.text(), said.status, said.headers.get("Location")
            if at is not None:
                url, method, form = urljoin(url, at), "GET", None
                if url.startswith(CALLBACK):
                    return dict(parse_qsl(urlsplit(url).query))
                continue
            assert status == 200, page
            method, form = "POST", _filled(page, fills)
        raise AssertionError(f"it does not come back from {url}")


def _filled(page: str, fills: dict[str, str]) -> dict[str, str]:
    """The fields of the page's form that we know, and its hidden ones."""
    fields = [
        dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<(?:input|button)[^>]*>", page)
    ]
    hidden = {one["name"]: unescape(one["value"]) for one in fields if one.get("type") == "hidden"}
    named = {one["name"] for one in fields if "name" in one}
    return hidden | {name: value for name, value in fills.items() if name in named}
