"""One tenant of a test with rows of its own, whatever table they lie in."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.types import JSON, Boolean, Float, Integer, LargeBinary, TypeDecorator

from core.engine.verdict import Thresholds
from core.store import domains
from hub.sql.ids import new_id
from tests.factories.core_api import Api

__all__ = ["Owner"]

_NUMBERS = itertools.count(1000)
_PLAIN: tuple[tuple[type[Any], Any], ...] = (
    (JSON, {}),
    (Boolean, False),
    (Float, 1.0),
    (LargeBinary, b"x"),
)


@dataclass(slots=True)
class Owner:
    """`tag` is in every name that it makes and in no other owner's."""

    api: Api
    tenant: str
    tag: str
    made: dict[str, str] = field(default_factory=dict)

    async def row(self, table: Table, **given: Any) -> dict[str, Any]:
        """Insert a row of this tenant; what is neither given nor has a default gets a plain value."""
        values = {"tenant": self.tenant, **given} if "tenant" in table.c else dict(given)
        for column in table.c:
            if column.name in values or column.nullable or column.server_default is not None:
                continue
            if column.name.endswith("_ms"):
                values[column.name] = self.api.core.clock()
            elif column is not table.autoincrement_column:
                values[column.name] = self._plain(column.type)
        async with self.api.core.database.begin() as tx:
            await tx.execute(insert(table).values(**values))
        return values

    def _plain(self, kind: Any) -> Any:
        inner = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
        if isinstance(inner, Integer):
            return next(_NUMBERS)
        found = [value for known, value in _PLAIN if isinstance(inner, known)]
        return found[0] if found else new_id(self.tag)

    async def domain(self) -> str:
        """Its first domain, made at the first call."""
        if "domain" not in self.made:
            self.made["domain"] = f"{self.tag}.example"
            limits = Thresholds(tag=5.0, quarantine=8.0, reject=15.0)
            now_ms = self.api.core.clock()
            async with self.api.core.database.begin() as tx:
                await domains.add(
                    tx,
                    self.made["domain"],
                    backends=["127.0.0.1:2525"],
                    thresholds=limits,
                    now_ms=now_ms,
                    tenant=self.tenant,
                )
        return self.made["domain"]
