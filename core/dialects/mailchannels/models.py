"""Domains and entries of lists as this API takes and shows them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Word
from core.dns.names import unicode_name
from core.lists.store import Listed
from core.service.domain_changes import MAX_ADMINS, MAX_DOWNSTREAMS, DomainChange, PolicyChange
from core.service.domain_parts import MAX_ALIASES
from core.store.domains import SMTP_PORT, Domain, Downstream, Policy

__all__ = ["Address", "DomainFields", "DomainView", "ItemView", "Lenient", "SettingsFields", "change_of"]

AbusePolicy = Literal["block", "flag", "quarantine"]
_Order = Annotated[int, Field(ge=0, le=65535)]
_PLAIN = Policy()


class Lenient(BaseModel):
    """Members that are not known here pass."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Address(Lenient):
    """A mail server behind the filter; the lowest priority first, among equals by weight."""

    priority: _Order = 10
    weight: _Order = 0
    port: Annotated[int, Field(ge=1, le=65535)] = SMTP_PORT
    target: Word

    @classmethod
    def of(cls, server: Downstream) -> "Address":
        target = unicode_name(server.host)
        return cls(priority=server.priority, weight=server.weight, port=server.port, target=target)

    def server(self) -> Downstream:
        return Downstream(host=self.target, port=self.port, priority=self.priority, weight=self.weight)


class SettingsFields(Lenient):
    """What becomes of spam. What is left out stays, null is the filter's own."""

    policy: AbusePolicy | None = Field(None, alias="abusePolicy")
    override: bool | None = Field(
        None, alias="abusePolicyOverride", description="It holds for recipients too who want no filtering."
    )
    header_name: str | None = Field(None, alias="spamHeaderName", max_length=76)
    header_value: str | None = Field(None, alias="spamHeaderValue", max_length=200)

    @classmethod
    def of(cls, policy: Policy) -> "SettingsFields":
        return cls(
            policy="flag" if policy.action == "tag" else policy.action,
            override=policy.overrides_recipients,
            header_name=policy.header_name or None,
            header_value=policy.header_value or None,
        )

    def change(self) -> PolicyChange:
        given = {name: getattr(self, name) for name in self.model_fields_set & set(_POLICY)}
        values = {_POLICY[name]: value for name, value in given.items()}
        return PolicyChange(
            **{name: getattr(_PLAIN, name) if value is None else value for name, value in values.items()}
        )


_POLICY: Mapping[str, str] = {
    "policy": "action",
    "override": "overrides_recipients",
    "header_name": "header_name",
    "header_value": "header_value",
}


class DomainFields(Lenient):
    """Null is as left out."""

    admins: list[Word] | None = Field(None, max_length=MAX_ADMINS)
    downstreams: list[Address] | None = Field(None, alias="downstreamAddresses", max_length=MAX_DOWNSTREAMS)
    aliases: list[Annotated[str, Field(min_length=1, max_length=255)]] | None = Field(
        None, max_length=MAX_ALIASES
    )


def change_of(
    fields: DomainFields, settings: SettingsFields | None = None, subscription: str | None = None
) -> DomainChange:
    """What the caller gave, and nothing else."""
    servers = None if fields.downstreams is None else tuple(each.server() for each in fields.downstreams)
    given: dict[str, Any] = {"admins": fields.admins, "aliases": fields.aliases, "downstreams": servers}
    given = {name: UNSET if value is None else value for name, value in given.items()}
    return DomainChange(
        subscription=subscription or UNSET,
        policy=settings.change() if settings is not None else PolicyChange(),
        **given,
    )


class DomainView(BaseModel):
    """Names in Unicode."""

    domain: str
    subscription: str = Field(serialization_alias="subscriptionHandle")
    settings: SettingsFields
    admins: list[str]
    downstreams: list[Address] = Field(serialization_alias="downstreamAddresses")
    aliases: list[str]

    @classmethod
    def of(cls, found: Domain) -> "DomainView":
        return cls(
            domain=unicode_name(found.name),
            subscription=found.subscription or "",
            settings=SettingsFields.of(found.policy),
            admins=list(found.admins),
            downstreams=[Address.of(each) for each in found.downstreams],
            aliases=[unicode_name(each) for each in found.aliases],
        )


class ItemView(BaseModel):
    """An entry of a list."""

    item: str
    item_type: Literal["domain", "email_address", "ip_address"]
    action: Literal["safelist", "blocklist"]

    @classmethod
    def of(cls, entry: Listed) -> "ItemView":
        action: Literal["safelist", "blocklist"] = "safelist" if entry.kind == "safe" else "blocklist"
        kind = "wildcard@" if entry.type == "wildcard" and "@" in entry.item else entry.type
        return cls(item=_shown(entry), item_type=_TYPES[kind], action=action)


def _shown(entry: Listed) -> str:
    """Domains are shown in Unicode, also those of an address."""
    local, at, name = entry.item.rpartition("@")
    return f"{local}{at}{unicode_name(name)}" if entry.type in ("domain", "address") else entry.item


_TYPES: Mapping[str, Literal["domain", "email_address", "ip_address"]] = {
    "address": "email_address",
    "wildcard@": "email_address",
    "wildcard": "domain",
    "domain": "domain",
    "subdomains": "domain",
    "ip": "ip_address",
    "cidr": "ip_address",
}
