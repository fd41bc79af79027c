"""MXroute's REST API, played strictly after its public description: headers, fields, statuses, escapes."""

import re
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import unquote

import msgspec

from hub.sdk.testing import Received, Reply, StrictServer

__all__ = ["KEY", "SERVER", "USER", "PlayedMxRoute"]

SERVER, USER, KEY = "eagle.mxlogin.com", "acme", "made-mxroute-key-4242"
VERIFICATION = {
    "type": "TXT",
    "name": "_da-verify-0123456789abcdef0123456789abcdef",
    "value": "domain-verified",
}
_ENTRY = re.compile(r"^[a-zA-Z0-9@.\-_*]{1,254}$")
_PASSWORD = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{8,}")


@dataclass(slots=True)
class Hosted:
    """One domain."""

    mail_hosting: bool = True
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    forwarders: dict[str, list[str]] = field(default_factory=dict)
    pointers: dict[str, bool] = field(default_factory=dict)
    catch_all: dict[str, Any] = field(default_factory=lambda: {"type": "fail", "address": None})
    dkim: str = "v=DKIM1; k=rsa; p=MIGf"


@dataclass(slots=True)
class PlayedMxRoute:
    """Rules for a `StrictServer`. Spam lists and score are the account's."""

    server: StrictServer
    domains: dict[str, Hosted] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=lambda: {"blacklist": [], "whitelist": []})
    high_score: int = 15
    servers: tuple[str, ...] = (SERVER, f"relay.{SERVER}")
    """That its records name, by priority."""
    always: Reply | None = None
    """Answer to everything, while set."""
    next: list[Reply] = field(default_factory=list)
    """Answers to the next requests, one each."""
    lost: Reply | None = None
    """Answer to every write after it was carried out, while set."""

    def __post_init__(self) -> None:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            self.server.allow(method, "/.*", self._answer)

    def _answer(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        if self.next:
            return self.next.pop(0)
        given = tuple(request.headers.get(name, "") for name in ("x-server", "x-username", "x-api-key"))
        if given != (SERVER, USER, KEY):
            return _error(401, "UNAUTHORIZED", "Invalid API credentials")
        if request.body and request.headers.get("content-type") != "application/json":
            return _error(400, "VALIDATION_ERROR", "Content-Type must be application/json")
        body = msgspec.json.decode(request.body) if request.body else None
        words = [unquote(word) for word in request.path.strip("/").split("/")]
        reply = self._route(request.method, words, body)
        return self.lost if self.lost is not None and request.method != "GET" else reply

    def _route(self, method: str, words: list[str], body: Any) -> Reply:
        if words == ["verification-key"]:
            return _good({"key": VERIFICATION["name"], "record": VERIFICATION, "description": "..."})
        if words == ["domains"]:
            return self._domains(method, body)
        domain = self.domains.get(words[1]) if words[0] == "domains" and len(words) > 1 else None
        if domain is None:
            return _error(404, "NOT_FOUND", "Resource not found")
        if len(words) == 2:
            return self._domain(method, words[1], domain)
        part = getattr(self, f"_{words[2].replace('-', '_')}", None)
        if part is None:
            return _error(404, "NOT_FOUND", "Resource not found")
        return part(method, words[1], domain, words[3:], body)

    def _domains(self, method: str, body: Any) -> Reply:
        if method == "GET":
            return _good(list(self.domains))
        if body["domain"] in self.domains:
            return _error(409, "CONFLICT", "Domain already exists")
        self.domains[body["domain"]] = Hosted()
        return _good({"domain": body["domain"], "ssl_enabled": False}, 201)

    def _domain(self, method: str, name: str, domain: Hosted) -> Reply:
        if method == "DELETE":
            del self.domains[name]
            return Reply(status=204)
        about = {"domain": name, "mail_hosting": domain.mail_hosting, "ssl_enabled": True}
        return _good(about | {"pointers": list(domain.pointers)})

    def _mail_status(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        if method != "PATCH" or set(body) != {"enabled"} or type(body["enabled"]) is not bool:
            return _error(400, "VALIDATION_ERROR", "enabled must be a boolean", "enabled")
        domain.mail_hosting = body["enabled"]
        return _good({})

    def _dns(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        return _good(
            {
                "mx_records": [
                    {"priority": 10 * place, "hostname": each, "description": "..."}
                    for place, each in enumerate(self.servers, start=1)
                ],
                "spf": {"type": "TXT", "name": "@", "value": "v=spf1 include:mxroute.com -all"},
                "dkim": {"type": "TXT", "name": "x._domainkey", "value": domain.dkim},
                "verification": None,
            }
        )

    def _email_accounts(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        if not rest and method == "GET":
            return _good([self._account(name, user, each) for user, each in domain.accounts.items()])
        if not rest:
            return self._create(domain, body)
        if rest[0] not in domain.accounts:
            return _error(404, "NOT_FOUND", "Account not found")
        return self._one_account(method, name, domain, rest[0], body)

    def _one_account(self, method: str, name: str, domain: Hosted, user: str, body: Any) -> Reply:
        if method == "GET":
            return _good(self._account(name, user, domain.accounts[user]))
        if method == "DELETE":
            del domain.accounts[user]
            return Reply(status=204)
        if set(body) - {"password", "quota", "limit"} or None in body.values():
            return _error(400, "VALIDATION_ERROR", "unknown field")
        domain.accounts[user] |= body
        return _good({})

    def _create(self, domain: Hosted, body: Any) -> Reply:
        if set(body) - {"username", "password", "quota", "limit"} or not {"username", "password"} <= set(
            body
        ):
            return _error(400, "VALIDATION_ERROR", "username and password", "username")
        if not _PASSWORD.fullmatch(body["password"]):
            return _error(400, "VALIDATION_ERROR", "Password too weak", "password")
        if body["username"] in domain.accounts:
            return _error(409, "CONFLICT", "Account already exists")
        if len(domain.accounts) >= 3:
            return _error(422, "BUSINESS_ERROR", "Account limit reached")
        domain.accounts[body["username"]] = body
        return _good({"email": body["username"]}, 201)

    def _account(self, name: str, user: str, each: dict[str, Any]) -> dict[str, Any]:
        about = {"username": user, "email": f"{user}@{name}", "quota": each.get("quota", 1024)}
        return about | {
            "usage": each.get("usage", 1.5),
            "limit": each.get("limit", 9600),
            "sent": each.get("sent", 3),
            "suspended": each.get("suspended", False),
        }

    def _forwarders(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        if not rest and method == "GET":
            every = domain.forwarders.items()
            return _good([{"alias": a, "email": f"{a}@{name}", "destinations": d} for a, d in every])
        if not rest:
            if body["alias"] in domain.forwarders:
                return _error(409, "CONFLICT", "Forwarder already exists")
            domain.forwarders[body["alias"]] = body["destinations"]
            return _good({}, 201)
        gone = domain.forwarders.pop(rest[0], None)
        return Reply(status=204) if gone else _error(404, "NOT_FOUND", "Forwarder not found")

    def _catch_all(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        if method == "PATCH":
            if set(body) - {"type", "address"} or (body["type"] == "address") != ("address" in body):
                return _error(400, "VALIDATION_ERROR", "address is required", "address")
            domain.catch_all = {"address": None, **body}
        return _good(domain.catch_all | {"description": "..."})

    def _pointers(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        if not rest and method == "GET":
            every = domain.pointers.items()
            kinds = {True: "alias", False: "redirect"}
            return _good([{"pointer": p, "type": kinds[alias], "target": name} for p, alias in every])
        if not rest:
            if body["pointer"] in domain.pointers:
                return _error(409, "CONFLICT", "Pointer already exists")
            domain.pointers[body["pointer"]] = body.get("alias", True)
            return _good({}, 201)
        if rest[0] not in domain.pointers:
            return _error(404, "NOT_FOUND", "Pointer not found")
        del domain.pointers[rest[0]]
        return Reply(status=204)

    def _spam(self, method: str, name: str, domain: Hosted, rest: list[str], body: Any) -> Reply:
        if rest == ["settings"]:
            if method == "PATCH":
                if set(body) != {"high_score"} or body["high_score"] not in range(1, 51):
                    return _error(400, "VALIDATION_ERROR", "Invalid score", "high_score")
                self.high_score = body["high_score"]
            return _good({"high_score": self.high_score})
        if method == "GET":
            return _good(self.lists[rest[0]])
        return self._listed(method, self.lists[rest[0]], rest, body)

    def _listed(self, method: str, entries: list[str], rest: list[str], body: Any) -> Reply:
        if method == "DELETE":
            if rest[1] not in entries:
                return _error(404, "NOT_FOUND", "Entry not found")
            entries.remove(rest[1])
            return Reply(status=204)
        if set(body) != {"entry"} or not _ENTRY.fullmatch(body["entry"]):
            return _error(400, "VALIDATION_ERROR", "Invalid entry", "entry")
        if body["entry"].lower() in (each.lower() for each in entries):
            return _error(409, "CONFLICT", "The entry already exists")
        entries.append(body["entry"])
        return _good({}, 201)


def _good(data: object, status: int = 200) -> Reply:
    headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99", "X-RateLimit-Reset": "1"}
    return Reply(status=status, json={"success": True, "data": _escaped(data)}, headers=headers)


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    return value


def _error(status: int, code: str, message: str, about: str = "") -> Reply:
    error = {"code": code, "message": message, **({"field": about} if about else {})}
    return Reply(status=status, json={"success": False, "error": error})
