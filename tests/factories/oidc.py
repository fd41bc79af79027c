"""A double of an OpenID Connect provider, for what no honest one says: it checks what it is sent, and signs
what it is told to. An honest one that others wrote is in `identity_provider.py`.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

__all__ = ["LocalProvider", "signing_key"]

_BITS = 2048


@cache
def signing_key(name: str, number: int = 1) -> RSAKey:
    """The key of that id; another number is another key that claims the same id."""
    del number
    return RSAKey.generate_key(_BITS, {"kid": name, "use": "sig"})


class LocalProvider:
    """`async with LocalProvider(clock) as provider`; then `provider.issuer`, `provider.sign_in(url)`."""

    client_id = "mx hub"
    client_secret = "s%cret: é"

    def __init__(self, clock_ms: Callable[[], int], *, basic: bool = True, issuer: str | None = None) -> None:
        self._clock_ms = clock_ms
        self._said_issuer = issuer
        self.methods = ["client_secret_basic"] if basic else ["client_secret_post"]
        self.keys = [signing_key("first")]
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.claims: dict[str, Any] = {}
        """Added to every token, or in place of what it says; `None` takes one out."""
        self.signer: Any = None
        self.shared: bytes | None = None
        """A secret that signs HS256 in place of a key."""
        self.token: str | None = None
        """Answered in place of a signed one."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def rotate(self, name: str, *, keep: bool = False) -> None:
        self.keys = [signing_key(name), *(self.keys if keep else [])]

    def sign_in(self, url: str) -> dict[str, str]:
        """As the browser of somebody who signs in there: what comes back to the redirect address."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        assert query["response_type"] == "code"
        assert query["client_id"] == self.client_id
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    async def _metadata(self, request: web.Request) -> web.Response:
        self.asked.append("metadata")
        return web.json_response(
            {
                "issuer": self._said_issuer or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "token_endpoint_auth_methods_supported": self.methods,
            }
        )

    async def _jwks(self, request: web.Request) -> web.Response:
        self.asked.append("jwks")
        keys = KeySet(self.keys).as_dict(private=False)
        keys["keys"].append({"kty": "oct", "k": _b64(b"published secret"), "kid": "first"})
        return web.json_response(keys)

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        form = {name: str(value) for name, value in (await request.post()).items()}
        begun = self.codes.pop(form.get("code", ""), None)
        if begun is None or not self._is_client(request, form) or not _proves(form, begun):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {"access_token": "x", "token_type": "Bearer", "id_token": self._id_token(begun)}
        )

    def _is_client(self, request: web.Request, form: dict[str, str]) -> bool:
        if self.methods == ["client_secret_post"]:
            return (form["client_id"], form["client_secret"]) == (self.client_id, self.client_secret)
        said = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        user, _, password = said.partition(":")
        return (unquote(user), unquote(password)) == (self.client_id, self.client_secret)

    def _id_token(self, begun: dict[str, str]) -> str:
        if self.token is not None:
            return self.token
        now = self._clock_ms() // 1000
        claims = {
            "iss": self.issuer,
            "sub": "sub-1",
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            "email": "jo@example.com",
            "email_verified": True,
            "name": "Jo",
            **self.claims,
        }
        signer = self.signer or self.keys[0]
        kept = {name: value for name, value in claims.items() if value is not None}
        if self.shared is not None:
            return _hs256({"alg": "HS256", "kid": signer.kid}, kept, self.shared)
        return jwt.encode({"alg": "RS256", "kid": signer.kid}, kept, signer, algorithms=["RS256"])


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """By hand: a library would not sign with a public key as its secret."""
    signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _proves(form: dict[str, str], begun: dict[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return _b64(digest) == begun["code_challenge"] and form.get("redirect_uri") == begun["redirect_uri"]
