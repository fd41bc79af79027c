"""Cloudflare's API v4 as far as DNS goes, played strictly: token, media types, fields, pages, error codes."""

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from hub.sdk.testing import Received, Reply, StrictServer

__all__ = ["TOKEN", "PlayedCloudflare"]

TOKEN = "cf-made-token-4242"  # a made secret that must not show up anywhere
_BASE = "/client/v4"
_TYPES = {"A", "AAAA", "CNAME", "MX", "NS", "TXT"}
_FIELDS = {"type", "name", "content", "ttl", "priority", "proxied", "comment"}
_PAGE = range(5, 101)


@dataclass(slots=True)
class PlayedCloudflare:
    """Rules for a `StrictServer`. `zones` maps a name to its records by id; `writes` counts what changed."""

    server: StrictServer
    zones: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    status: str = "active"
    always: Reply | None = None
    """Answer to everything, while set."""
    broken_names: set[str] = field(default_factory=set)
    """Names whose records cannot be written: answered with 500."""
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        for method in ("GET", "POST", "PUT", "DELETE"):
            self.server.allow(method, f"{_BASE}/.*", self._answer)

    @property
    def url(self) -> str:
        return self.server.url + _BASE

    def add(self, zone: str, kind: str, name: str, content: str, **more: Any) -> str:
        """A record as somebody made it by hand."""
        number = f"{next(self._numbers):032x}"
        self.zones.setdefault(zone, {})[number] = {
            "type": kind,
            "name": name,
            "content": content,
            "ttl": 1,
            **more,
        }
        return number

    def contents(self, kind: str, name: str) -> list[str]:
        """What stands at a name."""
        found = [each for records in self.zones.values() for each in records.values()]
        return [each["content"] for each in found if (each["type"], each["name"]) == (kind, name)]

    def _answer(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(403, 9109, "Invalid access token")
        path = request.path.removeprefix(_BASE)
        if path == "/user/tokens/verify" and request.method == "GET":
            return _good({"id": "t", "status": self.status})
        if path == "/zones" and request.method == "GET":
            return self._find(request)
        match = re.fullmatch(r"/zones/([^/]+)/dns_records(?:/([^/]+))?", path)
        zone = match and self._named(match[1])
        if not match or not zone:
            return _error(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")
        return self._records(request, zone, match[2])

    def _find(self, request: Received) -> Reply:
        name = request.query.get("name", "")
        found = [{"id": _id(zone), "name": zone, "status": "active"} for zone in self.zones if zone == name]
        return _good(found, {"page": 1, "per_page": 50, "count": len(found), "total_pages": 1})

    def _named(self, zone_id: str) -> str | None:
        return next((zone for zone in self.zones if _id(zone) == zone_id), None)

    def _records(self, request: Received, zone: str, record_id: str | None) -> Reply:
        if request.method == "GET" and record_id is None:
            return self._list(request, zone)
        if record_id is not None and record_id not in self.zones[zone]:
            return _error(404, 81044, "Record does not exist.")
        if request.method == "DELETE" and record_id is not None:
            gone = self.zones[zone].pop(record_id)
            self.writes.append(("DELETE", gone["type"], gone["name"]))
            return _good({"id": record_id})
        if (request.method, record_id is None) in (("POST", True), ("PUT", False)):
            return self._write(request, zone, record_id)
        return _error(405, 10405, "Method not allowed for this authentication scheme")

    def _list(self, request: Received, zone: str) -> Reply:
        size, page = int(request.query.get("per_page", "100")), int(request.query.get("page", "1"))
        if size not in _PAGE:
            return _error(400, 9207, "per_page out of range")
        wanted = {key: request.query[key] for key in ("name", "type") if key in request.query}
        found = [
            {"id": number, "zone_name": zone, "proxied": False, **each}
            for number, each in self.zones[zone].items()
            if all(each[key] == value for key, value in wanted.items())
        ]
        part = found[(page - 1) * size : page * size]
        pages = max(1, -(-len(found) // size))
        info = {
            "page": page,
            "per_page": size,
            "count": len(part),
            "total_count": len(found),
            "total_pages": pages,
        }
        return _good(part, info)

    def _write(self, request: Received, zone: str, record_id: str | None) -> Reply:
        if request.headers.get("content-type") != "application/json":
            return _error(415, 6003, "Invalid request headers")
        body = msgspec.json.decode(request.body)
        wrong = _wrong(body, zone)
        if wrong:
            return _error(400, 1004, f"DNS Validation Error: {wrong}")
        if body["name"] in self.broken_names:
            return Reply(status=500, body=b"<html>oops</html>")
        others = {number: each for number, each in self.zones[zone].items() if number != record_id}
        same_name = [each for each in others.values() if each["name"] == body["name"]]
        if any("CNAME" in (body["type"], each["type"]) and body["type"] in _TYPES for each in same_name):
            return _error(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        if any((each["type"], each["content"]) == (body["type"], body["content"]) for each in same_name):
            return _error(400, 81058, "An identical record already exists.")
        number = record_id or f"{next(self._numbers):032x}"
        self.zones[zone][number] = body
        self.writes.append((request.method, body["type"], body["name"]))
        return _good({"id": number, **body})


def _wrong(body: object, zone: str) -> str:
    if not isinstance(body, dict) or set(body) - _FIELDS or body.get("type") not in _TYPES:
        return "fields"
    if not str(body.get("name", "")).endswith(zone) or not isinstance(body.get("content"), str):
        return "name or content"
    if body["type"] == "MX" and not isinstance(body.get("priority"), int):
        return "priority is required"
    if body["type"] != "CNAME" and body.get("proxied"):
        return "this type cannot be proxied"
    if body["type"] == "TXT" and not re.fullmatch(r'("([^"\\]|\\.){0,255}"\s?)+', body["content"]):
        return "TXT content must be quoted strings of at most 255 characters"
    return "" if isinstance(body.get("ttl"), int) and (body["ttl"] == 1 or body["ttl"] >= 60) else "ttl"


def _id(zone: str) -> str:
    return zone.encode().hex()[:32].ljust(32, "0")


def _good(result: object, info: object = None) -> Reply:
    document = {"success": True, "errors": [], "messages": [], "result": result}
    return Reply(json=document | ({"result_info": info} if info else {}))


def _error(status: int, code: int, message: str) -> Reply:
    errors = [{"code": code, "message": message}]
    return Reply(status=status, json={"success": False, "errors": errors, "messages": [], "result": None})
