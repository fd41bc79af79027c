"""Signing in at an OpenID Connect provider: authorization code, PKCE, nonce (OpenID Connect Core 1.0, 3.1).

Every request to the provider goes through the hub's HTTP client, so its address guard, deadline and size
cap hold. Tokens are checked by joserfc.
"""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from hub.access import once
from hub.access.secret_text import digest, new_text
from hub.sdk.http import Client, HttpError, Response, basic_auth
from hub.sql.database import Database

__all__ = ["Begun", "Identity", "Oidc", "OidcRefused", "Provider", "ProviderDown"]

_PURPOSE: Final = "oidc"
_BEGUN_MS: Final = 10 * 60_000
_FRESH_MS: Final = 3_600_000
_AGAIN_MS: Final = 10_000
"""Keys are asked for again at most this often when a token names one that is not known."""
_LEEWAY_S: Final = 60
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
"""Signatures only the provider can make: nothing symmetric, never `none`."""
_OK: Final = 200


class OidcRefused(Exception):
    """401: what came back proves nobody's identity. The reason is for the log."""


class ProviderDown(Exception):
    """502: the provider cannot be reached, or does not answer as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, as configured."""

    issuer: str
    """`https://...`; discovery is at `/.well-known/openid-configuration` below it."""
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    """Registered at the provider; where the browser comes back to."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and the cookie that ties the answer to this browser."""

    url: str
    binding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    """Stable and unique at the issuer; an address is neither."""
    email: str | None
    email_verified: bool
    name: str = ""


@dataclass(slots=True)
class _Learnt:
    metadata: Mapping[str, Any]
    keys: Any
    at_ms: int


class Oidc:
    """One provider. `client` has the provider's network allowed, if it is a private one."""

    def __init__(
        self,
        provider: Provider,
        client: Client,
        database: Database,
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._provider = provider
        self._client = client
        self._database = database
        self._clock_ms = clock_ms
        self._learnt: _Learnt | None = None

    async def begin(self) -> Begun:
        """Raises `ProviderDown`, `Unavailable`."""
        learnt = await self._know()
        nonce, verifier, binding = new_text(), new_text(), new_text()
        kept = {"nonce": nonce, "verifier": verifier, "binding": digest(binding)}
        kept["issuer"] = self._provider.issuer
        async with self._database.begin() as tx:
            state = await once.put(tx, _PURPOSE, kept, self._clock_ms() + _BEGUN_MS)
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._provider.redirect_uri,
            "scope": " ".join(self._provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        endpoint = learnt.metadata["authorization_endpoint"]
        return Begun(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", binding)

    async def finish(self, *, code: str, state: str, binding: str, issuer: str | None = None) -> Identity:
        """What the browser brought back. A state is good once.

        `binding` is of the cookie that `begin` asked to set, `issuer` the parameter `iss`, if the provider
        sends it (RFC 9207). Raises `OidcRefused`, `ProviderDown`, `Unavailable`.
        """
        async with self._database.begin() as tx:
            begun = await once.take(tx, _PURPOSE, state, self._clock_ms())
        if begun is None or begun["issuer"] != self._provider.issuer:
            raise OidcRefused("the state is not known, too old, or was used before")
        if not hmac.compare_digest(begun["binding"], digest(binding)):
            raise OidcRefused("another browser began this sign-in")
        if issuer is not None and issuer != self._provider.issuer:
            raise OidcRefused("the answer comes from another issuer")
        token = await self._exchange(code, begun["verifier"])
        return _identity(await self._claims(token, begun["nonce"]))

    async def _exchange(self, code: str, verifier: str) -> str:
        learnt = await self._know()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._provider.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if _takes_basic(learnt.metadata):
            # RFC 6749 section 2.3.1: both are form-encoded before they become a user and a password
            user, password = quote(self._provider.client_id, ""), quote(self._provider.client_secret, "")
            headers["Authorization"] = basic_auth(user, password)
        else:
            form |= {"client_id": self._provider.client_id, "client_secret": self._provider.client_secret}
        answer = await self._ask(
            "POST", learnt.metadata["token_endpoint"], headers=headers, body=urlencode(form).encode()
        )
        if answer.status != _OK:
            raise OidcRefused(f"the provider refused the code with status {answer.status}")
        token = _json(answer).get("id_token")
        if not isinstance(token, str):
            raise OidcRefused("the provider answered without an ID token")
        return token

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that holds in every way (OpenID Connect Core 3.1.3.7)."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            decoded = jwt.decode(token, await self._keys_for(token), algorithms=_ALGORITHMS)
            rules = jwt.JWTClaimsRegistry(
                now=self._clock_ms() // 1000,
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": self._provider.issuer},
                aud={"essential": True, "value": self._provider.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise OidcRefused(f"the ID token does not hold: {type(error).__name__}: {error}") from None
        _check_party(decoded.claims, self._provider.client_id)
        return decoded.claims

    async def _keys_for(self, token: str) -> Any:
        """The provider's keys; asked for again when the token names one that is not among them."""
        learnt = await self._know()
        wanted = _key_id(token)
        known = {key.kid for key in learnt.keys.keys}
        if wanted is not None and wanted not in known and self._clock_ms() - learnt.at_ms >= _AGAIN_MS:
            learnt = await self._learn()
        return learnt.keys

    async def _know(self) -> _Learnt:
        learnt = self._learnt
        if learnt is None or self._clock_ms() - learnt.at_ms >= _FRESH_MS:
            return await self._learn()
        return learnt

    async def _learn(self) -> _Learnt:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        where = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = _json(await self._fetched(where))
        if metadata.get("issuer") != self._provider.issuer:
            raise ProviderDown(f"{where} describes another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(metadata.get(name), str):
                raise ProviderDown(f"{where} names no {name}")
        try:
            keys = KeySet.import_key_set(_signing(_json(await self._fetched(metadata["jwks_uri"]))))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderDown(f"the keys at {metadata['jwks_uri']} cannot be read: {error}") from None
        self._learnt = _Learnt(metadata, keys, self._clock_ms())
        return self._learnt

    async def _fetched(self, url: str) -> Response:
        answer = await self._ask("GET", url, headers={"Accept": "application/json"})
        if answer.status != _OK:
            raise ProviderDown(f"{url} answers with status {answer.status}")
        return answer

    async def _ask(self, method: str, url: str, **options: Any) -> Response:
        try:
            return await self._client.request(method, url, **options)
        except HttpError as error:
            raise ProviderDown(str(error)) from error


def _challenge(verifier: str) -> str:
    """RFC 7636 section 4.2, S256."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _takes_basic(metadata: Mapping[str, Any]) -> bool:
    """The default where the provider says nothing (OpenID Connect Discovery 3)."""
    methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return "client_secret_basic" in methods


def _signing(document: Mapping[str, Any]) -> Any:
    """Keys to sign with, of kinds that we take; a provider may publish others beside them."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise TypeError("no list of keys")
    kinds = ("RSA", "EC", "OKP")
    fitting = [one for one in keys if isinstance(one, dict) and one.get("kty") in kinds]
    return {"keys": [one for one in fitting if one.get("use", "sig") == "sig"]}


def _key_id(token: str) -> str | None:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        found = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise OidcRefused(f"the ID token cannot be read: {error}") from None
    return found if isinstance(found, str) else None


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """A token for several audiences must say that it was issued to us."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise OidcRefused("the ID token was issued to another party")


def _identity(claims: Mapping[str, Any]) -> Identity:
    email, name = claims.get("email"), claims.get("name")
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=email if isinstance(email, str) else None,
        email_verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) else "",
    )


def _json(answer: Response) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise ProviderDown("the provider answered with something that is no JSON object")
    return found
