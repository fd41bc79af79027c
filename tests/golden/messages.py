"""Golden messages: what a golden event becomes at a connector that wakes people.

The events are the outputs of the sources' goldens, and `alerts/*.json` for what no source brings yet.
`<connector>/<kind>[~variant].out.json` is the message.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.model.event import Entry, Header
from hub.sdk.alerts import kind_of

__all__ = ["ROOT", "MessageGolden", "events", "message_goldens"]

ROOT = Path(__file__).parent
_SOURCES = ("alerts", "mailguard", "mxhub")
_OUT = ".out.json"


def events() -> Iterator[tuple[str, Entry]]:
    """`(name, event)` of every golden event that is an alert; a name begins with the alert's kind."""
    for source in _SOURCES:
        for path in sorted((ROOT / source).glob("*.json" if source == "alerts" else f"*{_OUT}")):
            name = path.name.removesuffix(_OUT).removesuffix(".json")
            entry = _entry(path, source)
            kind = kind_of(entry.header.code)
            if source == "alerts" or kind != "other":
                yield (name if name.startswith(kind) else f"{kind}~{name}"), entry


def _entry(path: Path, source: str) -> Entry:
    body = json.loads(path.read_text())
    meta = body["metadata"]
    header = Header(
        tenant=meta["tenant_uid"],
        source=meta["log_provider"],
        class_uid=body["class_uid"],
        code=meta["event_code"],
        severity=body["severity_id"],
        domain="" if source == "mxhub" else "customer.example",
        time_ms=body["time"],
        recorded_ms=meta["logged_time"],
    )
    return Entry(seq=1, uid=bytes.fromhex(meta["uid"]), header=header, body=json.dumps(body).encode())


@dataclass(frozen=True, slots=True)
class MessageGolden:
    """One event and the message that is made of it."""

    name: str
    entry: Entry

    @property
    def out(self) -> Path:
        return ROOT / "slack" / f"{self.name}{_OUT}"

    def render(self) -> str:
        from connectors.slack.message import Messages

        message = Messages({}, "https://search.example/event/{event_id}").of(self.entry)
        return json.dumps(message, indent=2, ensure_ascii=False) + "\n"


def message_goldens() -> list[MessageGolden]:
    """Every golden message of the Slack connector."""
    return [MessageGolden(name, entry) for name, entry in events()]
