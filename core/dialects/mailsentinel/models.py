"""What many parts share: names in camelCase, pages by number, domains by id."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy.ext.asyncio import AsyncConnection

from core.api.fields import Word
from core.paging.counted import Counted, offset_of
from core.service import visible
from core.service.by import By
from core.service.core import Core
from hub.web.errors import NotFound, ValidationFailed

__all__ = ["DomainId", "Given", "Pages", "Shown", "domain_name", "filtered", "ids_of", "pagination"]

DomainId = Word


class Shown(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Given(BaseModel):
    """A body, or parameters."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Pages(Given):
    """Which page of a list."""

    page: int = Field(1, ge=1, description="Counted from 1.")
    limit: int = Field(50, ge=1, le=1000, description="Rows a page.")

    @property
    def offset(self) -> int:
        """Raises `ValidationFailed` for a page too far."""
        return offset_of(limit=self.limit, page=self.page)


def pagination(found: Counted[Any]) -> Mapping[str, Any]:
    """The member of that name."""
    page = found.offset // found.limit + 1
    return {"page": page, "limit": found.limit, "total": found.total, "hasMore": found.has_more}


async def domain_name(core: Core, by: By, scope: str, domain_id: str) -> str:
    """The name of a domain that the caller may see under the scope. Raises `NotFound`."""
    async with core.database.read() as tx:
        return (await visible.identified(tx, by, scope, domain_id)).name


async def filtered(tx: AsyncConnection, by: By, scope: str, domain_id: str | None) -> str | None:
    """The same for a parameter that may be left out. Raises `ValidationFailed`."""
    if domain_id is None:
        return None
    try:
        return (await visible.identified(tx, by, scope, domain_id)).name
    except NotFound as error:
        raise ValidationFailed.of("domainId", f"there is no domain {domain_id[:80]}") from error


async def ids_of(tx: AsyncConnection, by: By, scope: str, names: Iterable[str]) -> Mapping[str, str]:
    """Name -> id, of those that are still there."""
    found = await visible.several(tx, by, scope, sorted(set(names)))
    return {name: domain.id for name, domain in found.items()}
