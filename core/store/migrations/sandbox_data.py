"""Revision 0002's way from the sandbox's tables to those of the service. It never changes any more."""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import Connection, MetaData, RowMapping, Table, insert, inspect, select, text, tuple_

from core.store.clock import from_iso
from core.store.migrations import schema_2 as new
from hub.sql.ids import new_id

__all__ = ["drop", "take_over"]

_TENANT = "default"
_OLD = (
    *("old_meta", "domain", "quarantine", "verdict_count", "reputation", "node", "audit"),
    *("licence", "dkim_key", "certificate", "api_key", "event", "endpoint"),
)
_CHUNK = 200
_COUNTED = ("starts", "dkim_selector")

Row = Mapping[str, Any]


def take_over(bind: Connection) -> None:
    """Copy every row. An audit entry that did not match its seal does not match its new one either."""
    _meta(bind)
    for step in (_domains, _quarantine, _estate, _keys, _events):
        step(bind)
    _audit(bind)


def drop(bind: Connection) -> None:
    """Remove the tables that were left."""
    for name in _OLD:
        bind.execute(text(f"DROP TABLE {name}"))


def _rows(bind: Connection, name: str, order: str) -> Iterator[Row]:
    """The rows of an old table, by what `order` names, a few at a time."""
    table = Table(name, MetaData(), autoload_with=bind)
    columns = [table.c[part] for part in order.split()]
    wanted = select(table).order_by(*columns).limit(_CHUNK)
    part: Sequence[RowMapping] = bind.execute(wanted).mappings().all()
    while part:
        yield from (dict(row) for row in part)
        after = tuple_(*columns) > tuple_(*(part[-1][column.name] for column in columns))
        part = bind.execute(wanted.where(after)).mappings().all()


def _fill(bind: Connection, table: Table, rows: Iterable[Row]) -> None:
    source = iter(rows)
    while batch := [dict(row) for row in islice(source, _CHUNK)]:
        bind.execute(insert(table), batch)


def _copy(
    bind: Connection, to: Table, name: str, order: str, change: Callable[[Row], dict[str, Any]]
) -> None:
    _fill(bind, to, map(change, _rows(bind, name, order)))


def _count(bind: Connection, name: str, value: int) -> None:
    if value:
        bind.execute(insert(new.counters).values(name=name, value=value))


def _meta(bind: Connection) -> None:
    for row in _rows(bind, "old_meta", "key"):
        if row["key"] in _COUNTED:
            _count(bind, row["key"], int(row["value"]))
        else:
            bind.execute(insert(new.meta).values(**row))


def _domains(bind: Connection) -> None:
    for row in _rows(bind, "domain", "id"):
        same = ("name", "direction", "tag_threshold", "quarantine_threshold", "reject_threshold")
        bind.execute(
            insert(new.domains).values(
                id=new_id("dom"),
                number=row["id"],
                tenant=_TENANT,
                active=bool(row["active"]),
                status="active",
                verified=True,
                verified_ms=row["created_ms"],
                admins=[],
                action="quarantine",
                settings={},
                dkim_active=bool(row["dkim_active"]),
                dmarc_reporting=bool(row["dmarc_reporting"]),
                tenant_number=row["tenant_id"],
                created_ms=row["created_ms"],
                updated_ms=row["updated_ms"],
                **{name: row[name] for name in same},
            )
        )
        for position, address in enumerate(json.loads(row["backend_servers"])):
            bind.execute(insert(new.domain_downstreams).values(**_downstream(row["name"], position, address)))
    _count(bind, "domain", int(bind.execute(text("SELECT MAX(id) FROM domain")).scalar_one_or_none() or 0))


def _downstream(domain: str, position: int, address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    place = {"domain": domain, "position": position, "tenant": _TENANT}
    return {**place, "host": host, "port": int(port), "priority": 10, "weight": 0}


def _quarantine(bind: Connection) -> None:
    for row in _rows(bind, "quarantine", "id"):
        item = new_id("qua")
        fields = {name: value for name, value in row.items() if name not in ("id", "body")}
        fields["recipients"], fields["symbols"] = json.loads(row["recipients"]), json.loads(row["symbols"])
        state = {"state": "held", "state_ms": row["arrived_ms"]}
        bind.execute(insert(new.quarantine_items).values(id=item, tenant=_TENANT, **state, **fields))
        bind.execute(insert(new.quarantine_bodies).values(item=item, body=row["body"]))
        place = {"tenant": _TENANT, "arrived_ms": row["arrived_ms"], "item": item}
        to = sorted({one.lower() for one in fields["recipients"]})
        _fill(bind, new.quarantine_recipients, ({**place, "recipient": one} for one in to))


def _estate(bind: Connection) -> None:
    _copy(bind, new.cluster_nodes, "node", "id", lambda row: {**row, "present": bool(row["present"])})
    _copy(bind, new.licences, "licence", "one", _licence)
    _copy(bind, new.dkim_keys, "dkim_key", "domain selector", _warned)
    _copy(bind, new.certificates, "certificate", "serial", _warned)
    _copy(bind, new.reputations, "reputation", "ip", _reputation)
    _copy(bind, new.stat_counters, "verdict_count", "day domain action", _verdict_count)


def _licence(row: Row) -> dict[str, Any]:
    return {"id": "current", **{name: value for name, value in row.items() if name != "one"}}


def _warned(row: Row) -> dict[str, Any]:
    return {**row, "tenant": _TENANT, "warned": bool(row["warned"])}


def _reputation(row: Row) -> dict[str, Any]:
    return {**row, "tenant": _TENANT, "listed": bool(row["listed"])}


def _verdict_count(row: Row) -> dict[str, Any]:
    """The day's count stands in its first hour: nobody knows better."""
    return {
        "tenant": _TENANT,
        "domain": row["domain"],
        "hour_ms": from_iso(row["day"]),
        "metric": row["action"],
        "messages": row["messages"],
    }


def _keys(bind: Connection) -> None:
    """Keys open the same doors: their hashes and numbers stay, a scope becomes the grants that it names."""
    keys = Table("access_keys", MetaData(), autoload_with=bind)
    _copy(bind, keys, "api_key", "id", _key)
    if bind.dialect.name == "sqlite":
        last = text("SELECT seq FROM sqlite_sequence WHERE name = 'api_key'")
        used = int(bind.execute(last).scalar_one_or_none() or 0)
        bind.execute(text("DELETE FROM sqlite_sequence WHERE name = 'access_keys'"))
        bind.execute(text("INSERT INTO sqlite_sequence VALUES ('access_keys', :used)"), {"used": used})
    else:
        bind.execute(
            text(
                "SELECT setval(pg_get_serial_sequence('access_keys', 'number'), MAX(number)) FROM access_keys"
                " HAVING MAX(number) IS NOT NULL"
            )
        )


def _key(row: Row) -> dict[str, Any]:
    scope = row["scope"]
    scopes = ["read-only", "keys:read"] if scope == "read-only" else [scope]
    same = ("hash", "prefix", "created_ms", "expires_ms", "last_used_ms", "revoked_ms")
    return {
        "number": row["id"],
        "id": new_id("key"),
        "tenant": _TENANT,
        "description": row["name"],
        "grants": [{"domains": [row["domain"] or "*"], "scopes": scopes}],
        "allow_key_admin": scope in ("read-only", "full-admin"),
        "plan": None,
        "limits": {"per_minute": row["rate_limit_per_minute"], "burst": 10},
        "created_by": "",
        **{name: row[name] for name in same},
    }


def _events(bind: Connection) -> None:
    _copy(
        bind,
        new.outbox_events,
        "event",
        "seq",
        lambda row: {**row, "tenant": _TENANT, "data": json.loads(row["data"])},
    )
    _copy(bind, new.webhooks, "endpoint", "id", _webhook)
    tops = [text("SELECT MAX(seq) FROM event"), text("SELECT MAX(position) FROM endpoint")]
    if bind.dialect.name == "sqlite" and inspect(bind).has_table("sqlite_sequence"):
        tops.append(text("SELECT seq FROM sqlite_sequence WHERE name = 'event'"))
    _count(bind, "outbox", max(int(bind.execute(top).scalar_one_or_none() or 0) for top in tops))


def _webhook(row: Row) -> dict[str, Any]:
    """The sandbox's own. Its secret lay open: it is not kept, the sandbox brings it at its next start."""
    same = ("id", "url", "position", "delivered", "given_up")
    return {
        **{name: row[name] for name in same},
        "tenant": _TENANT,
        "description": "sandbox",
        "form": "mailguard",
        "names": json.loads(row["names"]),
        "secret": "",
        "enabled": False,
        "disabled_reason": "made by an earlier sandbox: its secret has to be given again",
        "created_ms": 0,
        "updated_ms": 0,
    }


def _audit(bind: Connection) -> None:
    """Entries of all nodes become one chain, by time."""
    secret = bind.execute(text("SELECT value FROM meta WHERE key = 'audit_key'")).scalar_one_or_none()
    _fill(bind, new.audit_entries, _chain(bind, bytes.fromhex(secret or "")))
    entry = new.audit_entries.c
    head = bind.execute(select(entry.seq, entry.hash).order_by(entry.seq.desc()).limit(1)).one_or_none()
    if head is not None:
        bind.execute(insert(new.audit_heads).values(tenant=_TENANT, seq=head.seq, hash=head.hash))
    for node_id, number in bind.execute(text("SELECT node_id, MAX(number) FROM audit GROUP BY node_id")):
        _count(bind, f"audit:{node_id}", number)


def _chain(bind: Connection, key: bytes) -> Iterator[Row]:
    last, seal = "", bytes.fromhex(_mac(key, "mxhub audit: entries"))
    for seq, old in enumerate(_rows(bind, "audit", "at_ms node_id number"), start=1):
        row = _entry(old, seq, last)
        whole = hmac.compare_digest(_mac(key, json.dumps([*old.values()][:-1])), old["mac"])
        last = _mac(seal, _body(row)) if whole else f"not sealed {old['mac']}"
        yield {**row, "hash": last}


def _entry(old: Row, seq: int, prev_hash: str) -> dict[str, Any]:
    actor = json.loads(old["actor"])
    same = ("node_id", "number", "at_ms", "action", "resource_type", "resource", "domain", "result")
    return {
        "tenant": _TENANT,
        "seq": seq,
        "id": f"{old['node_id']}:{old['number']}",
        **{name: old[name] for name in same},
        "reason": "",
        "request_id": "",
        "before": None,
        "after": None,
        "actor_type": actor["type"],
        "actor": old["actor_name"],
        "key_prefix": actor["key_prefix"] or "",
        "ip": actor["ip"] or "",
        "details": json.loads(old["details"]),
        "prev_hash": prev_hash,
    }


def _body(row: Row) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"))


def _mac(key: bytes, body: str) -> str:
    return hmac.new(key, body.encode(), sha256).hexdigest()
