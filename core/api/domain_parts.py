"""Below `/domains/{domain}`: verify, aliases, downstream servers, the key that holds it, mail, pointers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.domain_models import DomainView, DownstreamModel, VerificationView, downstream_of
from core.api.domains import shown
from core.api.fields import Word
from core.api.services import asked, paged
from core.dns.verify import Verification
from core.paging.query import PartPaging
from core.service import domain_parts, domain_proof, domains, pointers
from core.service.domain_changes import MAX_DOWNSTREAMS, DomainChange
from core.store.domains import Downstream
from core.upstream.provider import Pointer
from hub.web.errors import Conflict, NotFound, PreconditionFailed, RateLimited, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "PointerView", "ProofView"]

_READ, _WRITE = "domains:read", "domains:write"
_ONE = "/api/v1/domains/{domain}"
_HOST = (NotFound, RateLimited, UpstreamFailed)


class OtherProofView(BaseModel):
    """An alias or a pointer that was pending; verified, it takes mail from now on."""

    name: str
    state: Literal["verified", "missing", "unknown"]
    message: str
    record: VerificationView


class ProofView(BaseModel):
    """`state` is what the DNS says now: unknown means that it could not be asked, and changes nothing."""

    domain: str
    verified: bool
    state: Literal["verified", "missing", "unknown"]
    message: str
    record: VerificationView
    others: list[OtherProofView] = Field(description="Its other names that were pending.")


class DownstreamsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    downstream_addresses: list[DownstreamModel] = Field(
        max_length=MAX_DOWNSTREAMS, description="These take the place of all that are there."
    )


class KeyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    api_key_id: Word | None = Field(None, description="For people; a key ties to itself only.")


class MailStatusBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(description="Whether mail for the domain is taken.")


class PointerView(BaseModel):
    pointer: str
    is_alias: bool = Field(description="The same mailboxes; false: a redirect without any.")
    pending: bool = Field(description="It takes no mail until it is verified.")


class PointerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(min_length=1, max_length=300, description="The other name.")
    is_alias: bool = Field(True, description="The same mailboxes; false: a redirect without any.")


class PointerQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(min_length=1, max_length=300, description="Which one.")


async def verify(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    proof = await domain_proof.verify(core, by, call.path["domain"])
    assert proof.checked is not None  # noqa: S101 - narrows the type: verify always looks
    view = ProofView(
        domain=proof.domain.name,
        verified=proof.domain.verified,
        state=proof.checked.state,
        message=proof.checked.message,
        record=VerificationView(host=proof.host, value=proof.value),
        others=[_other(name, proof.value, seen) for name, seen in proof.others.items()],
    )
    return Reply(data=view)


def _other(name: str, value: str, seen: Verification) -> OtherProofView:
    record = VerificationView(host=seen.host, value=value)
    return OtherProofView(name=name, state=seen.state, message=seen.message, record=record)


async def put_alias(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        domain, added = await domain_parts.add_alias(core, tx, by, call.path["domain"], call.path["alias"])
    return Reply(data=DomainView.of(domain), status=201 if added else 200)


async def remove_alias(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        return shown(await domain_parts.remove_alias(core, tx, by, call.path["domain"], call.path["alias"]))


async def downstream(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        domain = await domains.get(tx, by, call.path["domain"])
    return Reply(data=[downstream_of(each) for each in domain.downstreams])


async def put_downstream(call: Call[None, DownstreamsBody]) -> Reply:
    core, by = asked(call)
    servers = tuple(Downstream(**each.model_dump()) for each in call.body.downstream_addresses)
    if_match = call.request.headers.get("If-Match")
    async with core.database.begin() as tx:
        domain = await domains.change(
            core, tx, by, call.path["domain"], DomainChange(downstreams=servers), if_match=if_match
        )
    return Reply(data=[downstream_of(each) for each in domain.downstreams])


async def associate(call: Call[None, KeyBody]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        return shown(await domain_parts.associate(core, tx, by, call.path["domain"], call.body.api_key_id))


async def dissociate(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        return shown(await domain_parts.dissociate(core, tx, by, call.path["domain"]))


async def mail_status(call: Call[None, MailStatusBody]) -> Reply:
    core, by = asked(call)
    return shown(await domain_parts.set_hosting(core, by, call.path["domain"], on=call.body.enabled))


async def pointer_listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    found = await pointers.listed(core, by, call.path["domain"])
    pending = await pointers.pending(core, by, call.path["domain"])
    return paged(call.query.part(found), lambda each: _pointer(each, pending=each.name in pending))


async def create_pointer(call: Call[None, PointerBody]) -> Reply:
    core, by = asked(call)
    wanted = Pointer(name=call.body.pointer, is_alias=call.body.is_alias)
    made = await pointers.create(core, by, call.path["domain"], wanted)
    return Reply(data=_pointer(made, pending=core.config.verify_domains))


def _pointer(found: Pointer, *, pending: bool) -> PointerView:
    return PointerView(pointer=found.name, is_alias=found.is_alias, pending=pending)


async def remove_pointer(call: Call[PointerQuery, None]) -> Reply:
    core, by = asked(call)
    await pointers.remove(core, by, call.path["domain"], call.query.pointer)
    return Reply(data=None, message="The pointer is removed")


ROUTES = (
    Route(
        "POST",
        f"{_ONE}/verify",
        verify,
        summary="Look for the TXT record that proves whose the domain is",
        response=ProofView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "PUT",
        f"{_ONE}/aliases/{{alias}}",
        put_alias,
        summary="Give a domain another name",
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
    Route(
        "DELETE",
        f"{_ONE}/aliases/{{alias}}",
        remove_alias,
        summary="Take a name away from a domain",
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        f"{_ONE}/downstream-addresses",
        downstream,
        summary="The servers behind the filter, in order",
        response=list[DownstreamModel],
        scope=_READ,
        errors=(NotFound,),
    ),
    Route(
        "PUT",
        f"{_ONE}/downstream-addresses",
        put_downstream,
        summary="Put other servers in their place",
        body=DownstreamsBody,
        response=list[DownstreamModel],
        scope=_WRITE,
        errors=(NotFound, PreconditionFailed),
    ),
    Route(
        "PUT",
        f"{_ONE}/api-key",
        associate,
        summary="Tie a domain to a key: no other key sees it",
        body=KeyBody,
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        f"{_ONE}/api-key",
        dissociate,
        summary="Tie a domain to no key",
        response=DomainView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "PATCH",
        f"{_ONE}/mail-status",
        mail_status,
        summary="Take mail for the domain, or not",
        body=MailStatusBody,
        response=DomainView,
        scope=_WRITE,
        errors=_HOST,
    ),
    Route(
        "GET",
        f"{_ONE}/pointers",
        pointer_listing,
        summary="Other names at the mail host",
        query=PartPaging,
        response=list[PointerView],
        scope=pointers.READ,
        errors=_HOST,
    ),
    Route(
        "POST",
        f"{_ONE}/pointers",
        create_pointer,
        summary="Add another name at the mail host",
        body=PointerBody,
        response=PointerView,
        status=201,
        scope=pointers.WRITE,
        errors=(*_HOST, Conflict),
        creates=True,
    ),
    Route(
        "DELETE",
        f"{_ONE}/pointers",
        remove_pointer,
        summary="Take one away",
        query=PointerQuery,
        scope=pointers.WRITE,
        errors=_HOST,
    ),
)
