"""`/domains`: listed, provisioned one by one or by the thousand, let go, and their settings."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from core.api.services import asked
from core.dialects.mailchannels.access import OfSubscription, checked, on_domain
from core.dialects.mailchannels.form import message_of
from core.dialects.mailchannels.models import (
    Address,
    DomainFields,
    DomainView,
    Lenient,
    SettingsFields,
    change_of,
)
from core.paging.counted import MAX_SKIPPED, Counted
from core.service import domains, provisioning
from core.service.domain_changes import MAX_DOWNSTREAMS
from core.service.domain_limits import NoRoom, NoSubscription
from core.service.domains import Filter, Place
from core.service.provisioning import MAX_ITEMS, NewDomain, Options, Outcome
from core.store.domains import Domain
from hub.web.errors import Conflict, Forbidden, NotFound, UpstreamFailed, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROOT", "ROUTES", "NamedBody"]

ROOT = "/inbound/v1"
_READ, _WRITE = "domains:read", "domains:write"
_LIMIT, _MOST = 10, 5000
_Name = Annotated[str, Field(min_length=1, max_length=300)]


def _flag(value: Any) -> Any:
    """`?associate-key` without a value is meant."""
    return True if value == "" else value


_Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool)]


class DomainsQuery(OfSubscription):
    domains: list[_Name] | None = Field(None, max_length=MAX_ITEMS, description="Only these.")
    limit: int = Field(_LIMIT, ge=1, le=_MOST)
    offset: int = Field(0, ge=0, le=MAX_SKIPPED)


class ProvisionQuery(OfSubscription):
    associate_key: _Flag = Field(
        False, alias="associate-key", description="Associate the domains with the calling key."
    )
    overwrite: _Flag = Field(False, description="A domain that is there takes over what is given.")

    def options(self) -> Options:
        return Options(associate_key=self.associate_key, overwrite=self.overwrite, keep=True)


class BatchQuery(ProvisionQuery):
    subscription: str = Field(alias="subscriptionHandle", min_length=1, max_length=64)


class NewDomainBody(DomainFields):
    domain: _Name
    subscription: str | None = Field(
        None, alias="subscriptionHandle", max_length=64, description="Here or in the query."
    )
    settings: SettingsFields | None = None


class BatchItem(DomainFields):
    domain: _Name
    downstream: list[Address] | None = Field(None, alias="downstreamAddress", max_length=MAX_DOWNSTREAMS)
    settings: SettingsFields | None = None


class BatchBody(Lenient):
    domains: list[BatchItem] = Field(min_length=1, max_length=MAX_ITEMS)


class NamedBody(Lenient):
    domain: _Name


class DeprovisionBody(Lenient):
    domains: list[NamedBody] = Field(min_length=1, max_length=MAX_ITEMS)


class SettingsBody(SettingsFields, DomainFields):
    """What is left out stays; aliases and downstream addresses that are given take the place of all."""


class DomainsView(BaseModel):
    domains: list[DomainView]
    total: int


class NoDomainView(BaseModel):
    """As it was asked for."""

    domain: str
    subscription: str = Field(serialization_alias="subscriptionHandle")


class ResultView(BaseModel):
    domain: DomainView | NoDomainView
    code: int = Field(description="201 provisioned, 200 it was there already, or the status of the error.")
    comment: str | None = None


class ResultsView(BaseModel):
    successes: list[ResultView]
    errors: list[ResultView]


class GoneView(BaseModel):
    domain: str
    code: int
    comment: str | None = None


class GoneViews(BaseModel):
    successes: list[GoneView]
    errors: list[GoneView]


async def listing(call: Call[DomainsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    names = None if query.domains is None else [checked(each, "domains") for each in query.domains]
    narrow = Filter(names=names, subscription=query.subscription)
    async with core.database.read() as tx:
        found = await domains.every(core, tx, by, narrow, Place(limit=query.limit, offset=query.offset))
    assert isinstance(found, Counted)  # noqa: S101 - narrows the type: an offset was given
    return Reply(data=DomainsView(domains=[DomainView.of(each) for each in found.items], total=found.total))


async def provision(call: Call[ProvisionQuery, NewDomainBody]) -> Reply:
    core, by = asked(call)
    body, query = call.body, call.query
    handle = body.subscription or query.subscription
    if handle is None:
        raise ValidationFailed.of("subscriptionHandle", "name one of GET /subscriptions")
    new = NewDomain(name=body.domain, change=change_of(body, body.settings, handle))
    try:
        made = await domains.create(core, by, new, query.options())
    except (NoRoom, NoSubscription) as error:
        raise Forbidden(message_of(error)) from error
    return Reply(data=DomainView.of(made.domain), status=201 if made.is_new else 200)


async def provision_many(call: Call[BatchQuery, BatchBody]) -> Reply:
    core, by = asked(call)
    handle, items = call.query.subscription, call.body.domains
    wanted = [_wanted(each, handle) for each in items]
    async with core.database.begin() as tx:
        outcomes = await provisioning.provision(core, tx, by, wanted, call.query.options())
        _all_or_none(outcomes)
    results = [_result(each, item, handle) for each, item in zip(outcomes, items, strict=True)]
    good = [result for result, each in zip(results, outcomes, strict=True) if each.error is None]
    bad = [result for result, each in zip(results, outcomes, strict=True) if each.error is not None]
    return Reply(data=ResultsView(successes=good, errors=bad))


def _wanted(item: BatchItem, handle: str) -> NewDomain:
    servers = item.downstreams if item.downstream is None else item.downstream
    fields = item.model_copy(update={"downstreams": servers})
    return NewDomain(name=item.domain, change=change_of(fields, item.settings, handle))


def _all_or_none(outcomes: Sequence[Outcome]) -> None:
    """Where one finds no room or no subscription, none is made: raised within the transaction."""
    for each in outcomes:
        if isinstance(each.error, NoRoom | NoSubscription):
            raise Forbidden(message_of(each.error)) from each.error


def _result(outcome: Outcome, item: BatchItem, handle: str) -> ResultView:
    if outcome.error is None and outcome.record is not None:
        return ResultView(domain=DomainView.of(outcome.record), code=outcome.code)
    asked_for = NoDomainView(domain=item.domain, subscription=handle)
    return ResultView(domain=asked_for, code=outcome.code, comment=_why(outcome))


def _why(outcome: Outcome) -> str | None:
    return None if outcome.error is None else message_of(outcome.error)


async def deprovision(call: Call[OfSubscription, None]) -> Reply:
    core, by = asked(call)
    await domains.remove(core, by, call.path["domain"])
    return Reply(data=None)


async def deprovision_many(call: Call[OfSubscription, DeprovisionBody]) -> Reply:
    core, by = asked(call)
    names = [each.domain for each in call.body.domains]
    async with core.database.begin() as tx:
        outcomes = await provisioning.deprovision(core, tx, by, names)
    results = [
        GoneView(domain=name, code=each.code, comment=_why(each))
        for name, each in zip(names, outcomes, strict=True)
    ]
    good = [one for one in results if one.comment is None]
    return Reply(data=GoneViews(successes=good, errors=[one for one in results if one.comment is not None]))


async def set_settings(call: Call[OfSubscription, SettingsBody]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        changed: Domain = await domains.overwrite(
            core, tx, by, call.path["domain"], change_of(call.body, call.body)
        )
    return Reply(data=DomainView.of(changed))


_ALL, _ONE = f"{ROOT}/domains", f"{ROOT}/domains/{{domain}}"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Domains that this key reaches",
        query=DomainsQuery,
        response=DomainsView,
        scope=_READ,
    ),
    Route(
        "POST",
        _ALL,
        provision,
        summary="Provision a domain",
        query=ProvisionQuery,
        body=NewDomainBody,
        response=DomainView,
        status=201,
        scope=_WRITE,
        errors=(Conflict,),
    ),
    Route(
        "POST",
        f"{_ALL}/batch",
        provision_many,
        summary="Provision up to 1,000 domains, each with a result of its own",
        query=BatchQuery,
        body=BatchBody,
        response=ResultsView,
        scope=_WRITE,
    ),
    Route(
        "POST",
        f"{_ALL}/batch/deprovision",
        deprovision_many,
        summary="Let up to 1,000 domains go, each with a result of its own (beyond the public description)",
        query=OfSubscription,
        body=DeprovisionBody,
        response=GoneViews,
        scope=_WRITE,
    ),
    Route(
        "DELETE",
        _ONE,
        on_domain(deprovision),
        summary="Let a domain go; not while mail of it is in quarantine",
        query=OfSubscription,
        status=204,
        scope=_WRITE,
        errors=(NotFound, Conflict, UpstreamFailed),
    ),
    Route(
        "PUT",
        f"{_ONE}/settings",
        on_domain(set_settings),
        summary="Set policy, admins, downstream addresses and aliases; what is left out stays",
        query=OfSubscription,
        body=SettingsBody,
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
)
