"""Grants, plans and limits as bodies and answers hold them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.access.plans import MAX_BURST, Limits
from hub.access.principal import ALL, Grant

__all__ = ["GrantBody", "GrantView", "Grants", "LimitsBody", "LimitsView", "given", "views"]

_MOST: int = 1_000_000_000
_Figure = Annotated[int | None, Field(ge=1, le=_MOST)]


class GrantBody(BaseModel):
    """Scopes on domains."""

    model_config = ConfigDict(extra="forbid")

    domains: list[Annotated[str, Field(max_length=300)]] = Field(
        [ALL], min_length=1, max_length=10_000, description='Names, or "*" for all of the tenant.'
    )
    scopes: list[Annotated[str, Field(max_length=100)]] = Field(
        min_length=1, max_length=100, description="Scopes, bundles and permission keys."
    )

    @model_validator(mode="after")
    def _known(self) -> "GrantBody":
        self.grant()
        return self

    def grant(self) -> Grant:
        return Grant.of(self.scopes, self.domains)


Grants = Annotated[list[GrantBody], Field(min_length=1, max_length=100)]


class GrantView(BaseModel):
    domains: list[str]
    scopes: list[str]


class LimitsBody(BaseModel):
    """Figures in place of the plan's."""

    model_config = ConfigDict(extra="forbid")

    per_minute: _Figure = None
    burst: int = Field(
        1, ge=1, le=MAX_BURST, description="The minute's bucket holds this many times its rate."
    )
    per_hour: _Figure = None
    per_day: _Figure = None
    tenant_per_second: _Figure = None

    def figures(self) -> dict[str, Any]:
        """Those that were given; null takes a limit of the plan away."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class LimitsView(BaseModel):
    """Requests; null = no such limit."""

    per_minute: int | None
    burst: int
    per_hour: int | None
    per_day: int | None
    tenant_per_second: int | None

    @classmethod
    def of(cls, limits: Limits) -> "LimitsView":
        return cls(**asdict(limits))


def given(bodies: Sequence[GrantBody]) -> tuple[Grant, ...]:
    return tuple(body.grant() for body in bodies)


def views(grants: Sequence[Grant]) -> list[GrantView]:
    return [GrantView(**grant.to_json()) for grant in grants]
