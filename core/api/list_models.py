"""Entries of lists and sender rules as the API takes and shows them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Moment, Text
from core.engine.lists import Kind
from core.lists.service import Result, Wanted
from core.lists.store import Listed
from core.store.clock import iso_millis

__all__ = ["ACTIONS", "KINDS", "EntryView", "ResultView", "RuleView", "wanted"]

ListKind = Literal["safelist", "blocklist"]
ItemKind = Literal["address", "domain", "subdomains", "ip", "cidr", "wildcard"]
KINDS: dict[Kind, ListKind] = {"safe": "safelist", "block": "blocklist"}
ACTIONS: dict[str, Kind] = {"allow": "safe", "block": "block"}
_SHOWN: dict[Kind, Literal["allow", "block"]] = {"safe": "allow", "block": "block"}


class EntryView(BaseModel):
    """An entry of a list; `item` is in its normal form."""

    id: str
    list: ListKind
    tier: Literal["account", "domain", "user"]
    owner: str = Field(description="The domain or address that the list is of; empty for the account.")
    item: str
    item_type: ItemKind
    note: str
    expires_at: str | None
    created_by: str
    created_at: str

    @classmethod
    def of(cls, entry: Listed) -> "EntryView":
        return cls(
            id=entry.id,
            list=KINDS[entry.kind],
            tier=entry.shelf.tier,
            owner=entry.shelf.owner,
            item=entry.item,
            item_type=entry.type,
            note=entry.note,
            expires_at=iso_millis(entry.expires_ms),
            created_by=entry.created_by,
            created_at=iso_millis(entry.created_ms),
        )


class ResultView(BaseModel):
    """What became of one of many."""

    item: str
    status: Literal["added", "exists", "invalid"]
    error: str
    entry: EntryView | None
    conflicts: list[EntryView] = Field(description="Entries of the same owner that say the opposite.")

    @classmethod
    def of(cls, result: Result) -> "ResultView":
        return cls(
            item=result.item,
            status=result.status,
            error=result.error,
            entry=None if result.entry is None else EntryView.of(result.entry),
            conflicts=[EntryView.of(each) for each in result.conflicts],
        )


class RuleView(BaseModel):
    """A sender rule: an entry of the domain's safelist (allow) or blocklist (block)."""

    id: str
    domain: str
    action: Literal["allow", "block"]
    pattern: str
    pattern_type: ItemKind
    note: str
    expires_at: str | None
    created_by: str
    created_at: str

    @classmethod
    def of(cls, entry: Listed) -> "RuleView":
        return cls(
            id=entry.id,
            domain=entry.shelf.owner,
            action=_SHOWN[entry.kind],
            pattern=entry.item,
            pattern_type=entry.type,
            note=entry.note,
            expires_at=iso_millis(entry.expires_ms),
            created_by=entry.created_by,
            created_at=iso_millis(entry.created_ms),
        )


class EntryBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Text = Field("", description="Why it is there.")
    expires_at: Moment = Field(None, description="It counts until then; null: for ever.")


def wanted(item: str, given: EntryBody) -> Wanted:
    return Wanted(item=item, note=given.note, expires_ms=given.expires_at)
