"""An OpenSearch that is played on loopback: `create` once an id, templates, and trouble on demand."""

from collections import Counter

import msgspec

from hub.sdk.testing import Received, Reply, StrictServer

__all__ = ["PlayedOpenSearch", "created", "item"]


def item(status: int, kind: str | None = None, reason: str = "because") -> dict:
    """One entry of a bulk answer."""
    error = {} if kind is None else {"error": {"type": kind, "reason": reason}}
    return {"create": {"status": status, **error}}


def created(count: int) -> Reply:
    """A bulk answer that says all went well."""
    return Reply(json={"errors": False, "items": [item(201)] * count})


class PlayedOpenSearch:
    """Rules for a `StrictServer`: everything the connector may ask, and nothing else."""

    def __init__(self, server: StrictServer) -> None:
        self.server = server
        self.held: dict[str, bytes] = {}
        self.indices: dict[str, str] = {}
        self.copies: Counter[str] = Counter()
        self.refused: frozenset[str] = frozenset()
        self.template: dict | None = None
        self.always: Reply | None = None
        """Answer to every bulk, while set."""
        about = {"version": {"number": "3.6.0", "distribution": "opensearch"}}
        server.allow("GET", "/", Reply(json=about))
        server.allow("GET", "/_cluster/health", Reply(json={"status": "green", "number_of_nodes": 1}))
        server.allow("GET", "/_index_template/.*", self._template)
        server.allow("PUT", "/_index_template/.*", self._put_template)
        server.allow("PUT", "/[^/]*/_mapping", Reply(json={"acknowledged": True}))
        server.allow("POST", "/_bulk", self._bulk)

    def bulks(self) -> list[Received]:
        """Bulk requests so far."""
        return self.server.asked("POST", "/_bulk")

    def _template(self, _: Received) -> Reply:
        if self.always is not None:
            return self.always
        if self.template is None:
            return Reply(status=404, json={"error": {"type": "resource_not_found_exception"}, "status": 404})
        return Reply(json={"index_templates": [{"name": "mxhub", "index_template": self.template}]})

    def _put_template(self, request: Received) -> Reply:
        self.template = msgspec.json.decode(request.body)
        return Reply(json={"acknowledged": True})

    def _bulk(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        lines = request.body.split(b"\n")
        assert lines.pop() == b"", "a bulk body ends with a newline"
        assert len(lines) % 2 == 0, "an action and a document each"
        items = [
            self._create(msgspec.json.decode(lines[at])["create"], lines[at + 1])
            for at in range(0, len(lines), 2)
        ]
        errors = any("error" in each["create"] for each in items)
        return Reply(json={"errors": errors, "items": items})

    def _create(self, action: dict, source: bytes) -> dict:
        uid = action["_id"]
        if uid in self.refused:
            return item(400, "mapper_parsing_exception", "failed to parse")
        self.copies[uid] += 1
        if uid in self.held:
            return item(409, "version_conflict_engine_exception", "document already exists")
        self.held[uid] = source
        self.indices[uid] = action["_index"]
        return item(201)
