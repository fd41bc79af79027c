"""Zones at Cloudflare: its API v4 with an API token (developers.cloudflare.com/api/resources/dns)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from core.dns.names import same_name, zones_of
from core.dns.provider import Record, Zone, ZoneRecord
from core.dns.zonetext import quoted, unquoted
from core.upstream.api import Answered, JsonApi, Problem
from core.upstream.errors import (
    Conflict,
    NotAuthorised,
    NotThere,
    ProviderError,
    RateLimited,
    Unavailable,
)
from hub.sdk.http import Client

__all__ = ["API_URL", "Cloudflare"]

API_URL: Final = "https://api.cloudflare.com/client/v4"
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_IDENTICAL: Final = (81057, 81058)
_CODES: Final[Mapping[int, type[ProviderError]]] = {
    971: RateLimited,
    1000: NotAuthorised,
    6003: NotAuthorised,
    6111: NotAuthorised,
    7003: NotThere,
    9106: NotAuthorised,
    9109: NotAuthorised,
    10000: NotAuthorised,
    81044: NotThere,
    81053: Conflict,
    81054: Conflict,
    81057: Conflict,
    81058: Conflict,
}
_SHOWN_AS_HOST: Final = ("CNAME", "MX", "NS")


class Cloudflare:
    """A `DnsProvider`. Reads page by page; writes one record a call, never proxied: mail hosts must resolve.

    The limit is 1,200 requests in five minutes for a user; beyond it every call raises `RateLimited`.
    """

    name = "Cloudflare"

    def __init__(self, client: Client, token: str, *, url: str = API_URL) -> None:
        self._api = JsonApi(client, url, name=self.name, headers={"Authorization": f"Bearer {token}"})

    async def check(self) -> str:
        """Verify the token."""
        result = _object((await self._call("GET", "/user/tokens/verify")).get("result"))
        status = str(result.get("status"))
        if status != "active":
            raise NotAuthorised(f"{self.name}: the API token is {status[:40]}")
        return "the API token is active"

    async def zone(self, domain: str) -> Zone:
        """The domain's zone, or the nearest above it."""
        for name in zones_of(domain):
            found = await self._call("GET", "/zones", params={"name": name, "per_page": "50"})
            for each in _objects(found.get("result")):
                if same_name(str(each.get("name")), name):
                    return Zone(id=_id(each), name=name, is_active=each.get("status") == "active")
        raise NotThere(f"{self.name}: no zone of this account holds {domain}; add it there first")

    async def records(self, zone: Zone, *, name: str = "", type: str = "") -> tuple[ZoneRecord, ...]:  # noqa: A002
        """The zone's records, filtered by the provider and once more here."""
        asked = {"per_page": str(_PAGE), "name": name, "type": type}
        params = {key: value for key, value in asked.items() if value}
        found: list[ZoneRecord] = []
        for page in range(1, _MOST_PAGES + 1):
            path = f"/zones/{quote(zone.id, safe='')}/dns_records"
            document = await self._call("GET", path, params={**params, "page": str(page)})
            found += [_zone_record(each) for each in _objects(document.get("result"))]
            if page >= _pages(document):
                return tuple(each for each in found if _is_asked_for(each.record, name, type))
        raise Unavailable(f"{self.name}: the zone {zone.name} has more than {_PAGE * _MOST_PAGES} records")

    async def upsert(self, zone: Zone, record: Record, *, over: str = "") -> ZoneRecord:
        """POST, or PUT over an existing record."""
        path = f"/zones/{quote(zone.id, safe='')}/dns_records"
        method, path = ("PUT", f"{path}/{quote(over, safe='')}") if over else ("POST", path)
        answered = await self._api.call(method, path, send=_body(record))
        if not answered.is_good and _code(answered) in _IDENTICAL:
            there = await self.records(zone, name=record.name, type=record.type)
            same = [each for each in there if _says(each.record) == _says(record)]
            if same:
                return same[0]
        return _zone_record(_object(self._good(answered).get("result")))

    async def delete(self, zone: Zone, record_id: str) -> None:
        """DELETE; 404 or code 81044 is fine."""
        try:
            await self._call(
                "DELETE", f"/zones/{quote(zone.id, safe='')}/dns_records/{quote(record_id, safe='')}"
            )
        except NotThere:
            return

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return self._good(await self._api.call(method, path, params=params))

    def _good(self, answered: Answered) -> dict[str, Any]:
        """The document of a good answer. Raises what the others mean."""
        if answered.is_good and isinstance(answered.document, dict):
            return answered.document
        code = _code(answered)
        kind = _CODES.get(code)
        message = f"{_message(answered)} (code {code})" if code else _message(answered)
        if kind is RateLimited:
            wait_s = 300.0 if answered.retry_after_s is None else answered.retry_after_s
            raise RateLimited(f"{self.name}: {message}", retry_after_s=wait_s)
        raise self._api.error(answered, Problem(message=message, kind=kind))


def _body(record: Record) -> dict[str, object]:
    content = quoted(record.content) if record.type == "TXT" else record.content
    body: dict[str, object] = {
        "type": record.type,
        "name": record.name,
        "content": content,
        "ttl": record.ttl_s,
    }
    if record.priority is not None:
        body["priority"] = record.priority
    if record.type == "CNAME":
        body["proxied"] = False
    return body


def _zone_record(each: Mapping[str, Any]) -> ZoneRecord:
    kind, content = str(each.get("type")), str(each.get("content"))
    if kind == "TXT":
        content = unquoted(content)
    elif kind in _SHOWN_AS_HOST:
        content = content.lower().rstrip(".")
    priority, ttl = each.get("priority"), each.get("ttl")
    record = Record(
        type=kind,
        name=str(each.get("name")).lower().rstrip("."),
        content=content,
        priority=priority if isinstance(priority, int) and kind == "MX" else None,
        ttl_s=ttl if isinstance(ttl, int) else 1,
    )
    return ZoneRecord(id=_id(each), record=record)


def _is_asked_for(record: Record, name: str, kind: str) -> bool:
    return (not name or same_name(record.name, name)) and kind in ("", record.type)


def _says(record: Record) -> tuple[str, int | None]:
    return record.content, record.priority


def _id(each: Mapping[str, Any]) -> str:
    found = each.get("id")
    if not isinstance(found, str) or not found:
        raise Unavailable("Cloudflare: an answer without an id")
    return found


def _pages(document: Mapping[str, Any]) -> int:
    pages = _object(document.get("result_info")).get("total_pages", 1)
    return pages if isinstance(pages, int) else 1


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _first_error(answered: Answered) -> dict[str, Any]:
    errors = _objects(_object(answered.document).get("errors"))
    return errors[0] if errors else {}


def _code(answered: Answered) -> int:
    code = _first_error(answered).get("code", 0)
    return code if isinstance(code, int) else 0


def _message(answered: Answered) -> str:
    return str(_first_error(answered).get("message", ""))
