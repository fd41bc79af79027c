"""What has to stand in the cluster before the first event: the index template."""

import time
from typing import Any

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import OpenSearchException, TransportError

from connectors.opensearch.options import OpenSearchOptions
from connectors.opensearch.template import mappings, state_of, template

__all__ = ["ForeignTemplate", "Setup"]

_AGAIN_S = 3600.0
"""A template that somebody deleted is put back within this time."""
_NOT_FOUND = 404


class ForeignTemplate(ValueError):
    """A template of our name that is not ours."""


class Setup:
    """Looks at the template at first contact and now and then, and puts it where it is missing or old."""

    def __init__(self, client: AsyncOpenSearch, options: OpenSearchOptions) -> None:
        self._client = client
        self._name = options.prefix
        self._wanted = options.template
        self._ours = template(options)
        self._fine_until = 0.0

    async def ensure(self, until: float) -> None:
        """Raises `OpenSearchException` when it cannot be done, `ForeignTemplate` when it must not be."""
        now = time.monotonic()
        if not self._wanted or now < self._fine_until:
            return
        state = await self.state(until)
        if state == "foreign":
            raise ForeignTemplate(
                f"the index template {self._name!r} is not mxhub's: delete it, choose another prefix,"
                " or write template: false and keep it"
            )
        if state in ("missing", "older"):
            await self._client.indices.put_index_template(
                name=self._name, body=self._ours, params=_within(until)
            )
        if state == "older":
            await self._update_mappings(until)
        self._fine_until = now + _AGAIN_S

    async def state(self, until: float) -> str:
        """One of the words of `template.state_of`."""
        try:
            answer = await self._client.indices.get_index_template(name=self._name, params=_within(until))
        except TransportError as error:
            if error.status_code == _NOT_FOUND:
                return "missing"
            raise
        found = _template_of(answer, self._name)
        return state_of(found, self._ours)

    async def _update_mappings(self, until: float) -> None:
        """Fields that a new version adds, in the indices that are there too.

        Where the mapping contradicts, an index keeps its own: only the new fields cannot be searched in it.
        """
        body = {"properties": mappings()["properties"]}
        try:
            await self._client.indices.put_mapping(index=self._name, body=body, params=_within(until))
        except OpenSearchException:
            return


def _within(until: float) -> dict[str, float]:
    return {"request_timeout": max(until - time.monotonic(), 0.001)}


def _template_of(answer: Any, name: str) -> dict[str, Any] | None:
    entries = answer.get("index_templates") if isinstance(answer, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get("index_template")
            return found if isinstance(found, dict) else {}
    return None
