"""A Zapier that is played on loopback: a Catch Hook that checks what it is sent."""

import re
import time

import msgspec

from connectors.zapier.fields import FIELDS
from hub.sdk.testing import Received, Reply, StrictServer

__all__ = ["HOOK", "HOOK_PATH", "PlayedZapier", "fields_reference"]

HOOK = "s3cretHook7"
HOOK_PATH = f"/hooks/catch/1234567/{HOOK}/"
_MOST_BYTES = 100_000
_MOST_PER_S = 30
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z|")


class PlayedZapier:
    """Rules for a `StrictServer`. Every request starts a run, as there: a repeat starts another one."""

    def __init__(self, server: StrictServer) -> None:
        self.server = server
        self.runs: list[dict] = []
        self.problems: list[str] = []
        """What Zapier, or a Zap, would have tripped over."""
        self.always: Reply | None = None
        self.refused: frozenset[str] = frozenset()
        self._times: list[float] = []
        server.allow("POST", HOOK_PATH, self._hook)
        server.allow("HEAD", "/", Reply(status=404))

    @property
    def options(self) -> dict:
        return {"url": self.server.url + HOOK_PATH}

    @property
    def most_per_s(self) -> int:
        """Most requests in any second."""
        return max(
            (sum(1 for other in self._times if 0 <= other - one < 1) for one in self._times), default=0
        )

    def _hook(self, request: Received) -> Reply:
        self._times.append(time.monotonic())
        if self.always is not None:
            return self.always
        run = msgspec.json.decode(request.body)
        self.problems += _problems(request, run)
        if run["event_id"] in self.refused:
            return Reply(status=403, body=b"<h1>blocked</h1>")
        self.runs.append(run)
        return Reply(json={"status": "success", "id": "1", "request_id": "2"})


def _problems(request: Received, run: object) -> list[str]:
    found = []
    if request.headers.get("content-type") != "application/json":
        found.append("content-type")
    if len(request.body) > _MOST_BYTES:
        found.append(f"{len(request.body)} bytes")
    if not isinstance(run, dict) or run.get("kind") not in FIELDS:
        return [*found, "no object of a known kind"]
    if list(run) != [field.name for field in FIELDS[run["kind"]]]:
        found.append(f"fields of {run['kind']}: {list(run)}")
    for field in FIELDS[run["kind"]]:
        value = run[field.name]
        if field.kind == "number" and not (value is None or type(value) in (int, float)):
            found.append(f"{field.name} is no number: {value!r}")
        if field.kind != "number" and type(value) is not str:
            found.append(f"{field.name} is no text: {value!r}")
        if field.kind == "time" and not _ISO.fullmatch(str(value)):
            found.append(f"{field.name} is no time: {value!r}")
    return found


def fields_reference() -> str:
    """The field lists as `docs/connectors/zapier.md` shows them."""
    every = list(FIELDS.values())
    common = [field for field in every[0] if all(field in fields for fields in every)]
    parts = ["### Every kind", *_table(common)]
    for kind, fields in FIELDS.items():
        parts += [f"### {kind}", *_table([field for field in fields if field not in common])]
    return "\n".join(parts)


def _table(fields) -> list[str]:
    rows = [f"| `{field.name}` | {field.kind} | {field.about} |" for field in fields]
    return ["", "| field | type | what it is |", "| --- | --- | --- |", *rows, ""]
