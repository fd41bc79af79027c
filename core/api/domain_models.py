"""Domains as the API takes and shows them."""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from core.api.fields import Word
from core.service.domain_changes import MAX_ADMINS, MAX_DOWNSTREAMS, DomainChange, PolicyChange
from core.service.domain_proof import proof_of
from core.service.domain_view import policy_data
from core.service.provisioning import NewDomain
from core.store.clock import iso_millis
from core.store.domain_rows import SMTP_PORT, TOLD, Domain, Downstream, Policy

__all__ = [
    "DomainBody",
    "DomainView",
    "DownstreamModel",
    "NewDomainBody",
    "PolicyBody",
    "VerificationView",
    "change_of",
    "downstream_of",
]

Action = Literal["block", "flag", "quarantine", "tag"]
_SCORE = "Messages at or above this score; a value left out stays."


def _left_out() -> Any:
    """Not looked at: what counts is which fields were set."""
    return None


class DownstreamModel(BaseModel):
    """A mail server behind the filter."""

    model_config = ConfigDict(extra="forbid")

    host: Word = Field(description="A name or an IP address.")
    port: int = Field(SMTP_PORT, ge=1, le=65535)
    priority: int = Field(10, ge=0, le=65535, description="The lowest is tried first.")
    weight: int = Field(0, ge=0, le=65535, description="Among equal priorities, the share (RFC 2782).")


class PolicyView(BaseModel):
    """What becomes of mail above the thresholds; scores are the filter's own, without upper bound."""

    action: Action
    tag_threshold: float
    quarantine_threshold: float
    reject_threshold: float
    header_name: str = Field(description="Header on tagged mail; empty: X-Spam-Flag.")
    header_value: str = Field(description="Its value; empty: YES.")
    overrides_recipients: bool = Field(description="It holds for those too who want no filtering.")

    @classmethod
    def of(cls, policy: Policy) -> "PolicyView":
        return cls(**policy_data(policy))


class PolicyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: Action = Field(
        default_factory=_left_out,
        description="How far the score may go: block refuses what would be held, flag and tag deliver.",
    )
    tag_threshold: float = Field(default_factory=_left_out, description=_SCORE)
    quarantine_threshold: float = Field(default_factory=_left_out, description=_SCORE)
    reject_threshold: float = Field(default_factory=_left_out, description=_SCORE)
    header_name: str = Field(default_factory=_left_out, max_length=76, description="Empty: the filter's own.")
    header_value: str = Field(
        default_factory=_left_out, max_length=200, description="Empty: the filter's own."
    )
    overrides_recipients: bool = Field(
        default_factory=_left_out, description="True: it holds for those too who want no filtering."
    )


class VerificationView(BaseModel):
    """The TXT record that proves whose the domain is."""

    host: str
    type: Literal["TXT"] = "TXT"
    value: str


class DomainView(BaseModel):
    """A domain whose mail is filtered."""

    id: str
    number: int = Field(description="For programs that want an integer.")
    name: str = Field(description="Lower case, A-labels.")
    direction: str
    active: bool
    status: Literal["pending", "active", "suspended"]
    verified: bool
    verified_at: str | None
    verification: VerificationView
    real_mx_host: str | None = Field(description="The first of downstream_addresses.")
    downstream_addresses: list[DownstreamModel]
    admins: list[str]
    aliases: list[str]
    pending_aliases: list[str] = Field(description="Those that take no mail until they are verified.")
    subscription_handle: str | None
    customer_id: str | None
    organization_id: str | None
    api_key_id: str | None = Field(description="The key that alone sees this domain.")
    mail_hosting: bool
    mailboxes_complete: bool = Field(
        description="No other addresses exist than those kept here; false: the servers behind know."
    )
    policy: PolicyView
    dkim_active: bool
    dmarc_reporting: bool
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, domain: Domain) -> "DomainView":
        proof = proof_of(domain)
        plain = {name: getattr(domain, name) for name in TOLD if name in cls.model_fields}
        return cls(
            **plain,
            verified_at=iso_millis(domain.verified_ms),
            verification=VerificationView(host=proof.host, value=proof.value),
            downstream_addresses=[downstream_of(each) for each in domain.downstreams],
            admins=list(domain.admins),
            aliases=list(domain.aliases),
            pending_aliases=list(domain.pending_aliases),
            subscription_handle=domain.subscription,
            policy=PolicyView.of(domain.policy),
            created_at=iso_millis(domain.created_ms),
            updated_at=iso_millis(domain.updated_ms),
        )


class DomainBody(BaseModel):
    """A merge patch (RFC 7396): what is left out stays, null clears."""

    model_config = ConfigDict(extra="forbid")

    direction: Literal["inbound", "outbound", "both"] = Field(default_factory=_left_out)
    active: bool = Field(default_factory=_left_out, description="False: its mail is not taken.")
    status: Literal["active", "suspended"] = Field(default_factory=_left_out)
    real_mx_host: Word | None = Field(
        default_factory=_left_out,
        description="The one server behind the filter, as host or host:port; not with downstream_addresses.",
    )
    downstream_addresses: list[DownstreamModel] = Field(default_factory=_left_out, max_length=MAX_DOWNSTREAMS)
    admins: list[Word] = Field(
        default_factory=_left_out, max_length=MAX_ADMINS, description="Mail addresses."
    )
    subscription_handle: Word | None = Field(default_factory=_left_out)
    customer_id: Word | None = Field(default_factory=_left_out)
    organization_id: Word | None = Field(default_factory=_left_out)
    mailboxes_complete: bool = Field(
        default_factory=_left_out,
        description="True: the mailboxes, forwarders and catch-all kept here are all; others are refused.",
    )
    policy: PolicyBody = Field(default_factory=_left_out)
    dkim_active: bool = Field(default_factory=_left_out)
    dmarc_reporting: bool = Field(default_factory=_left_out)


class NewDomainBody(DomainBody):
    name: str = Field(
        min_length=1,
        max_length=300,
        validation_alias=AliasChoices("name", "domain"),
        description="The domain; IDNs in either form. `domain` is accepted too.",
    )
    aliases: list[Word] = Field(
        default_factory=_left_out, max_length=1000, description="Other names with the same mail."
    )
    mail_hosting: bool = Field(True, description="Whether mailboxes are kept for it.")

    def wanted(self) -> NewDomain:
        return NewDomain(name=self.name, change=change_of(self))


def change_of(body: DomainBody) -> DomainChange:
    """What the caller gave, and nothing else."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set - {"name"}}
    if "subscription_handle" in given:
        given["subscription"] = given.pop("subscription_handle")
    if "downstream_addresses" in given:
        servers = given.pop("downstream_addresses")
        given["downstreams"] = tuple(Downstream(**each.model_dump()) for each in servers)
    if "policy" in given:
        policy = given["policy"]
        given["policy"] = PolicyChange(
            **{name.removesuffix("_threshold"): getattr(policy, name) for name in policy.model_fields_set}
        )
    return DomainChange(**given)


def downstream_of(server: Downstream) -> DownstreamModel:
    return DownstreamModel(**asdict(server))
