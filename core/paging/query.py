"""Query parameters of paged lists, to inherit from."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from core.paging.counted import Counted, part
from core.paging.cursor import MAX_CHARS

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "NumberedPaging", "Paging", "PartPaging"]

_T = TypeVar("_T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class Paging(BaseModel):
    """Of lists without an upper bound."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows a page.")
    cursor: str | None = Field(
        None, max_length=MAX_CHARS, description="The `next_cursor` of the page before; opaque."
    )


class NumberedPaging(Paging):
    """Of small collections: a cursor, or a page, or an offset."""

    page: int | None = Field(None, ge=1, description="The page, from 1; the answer then has the total.")
    offset: int | None = Field(None, ge=0, description="Rows to skip; the answer then has the total.")

    @property
    def numbered(self) -> bool:
        return self.page is not None or self.offset is not None


class PartPaging(BaseModel):
    """Of small collections that come whole from elsewhere: a page, or an offset."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(MAX_LIMIT, ge=1, le=MAX_LIMIT, description="Rows a page.")
    page: int | None = Field(None, ge=1, description="The page, from 1.")
    offset: int | None = Field(None, ge=0, description="Rows to skip.")

    def part(self, items: Sequence[_T]) -> Counted[_T]:
        """The page that was asked for. Raises `ValidationFailed`."""
        return part(items, limit=self.limit, page=self.page, offset=self.offset)
