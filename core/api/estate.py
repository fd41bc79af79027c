"""`/cluster/nodes`, `/certificates`, `/reputation/{ip}`: what the service runs on and has learnt."""

from pydantic import BaseModel, Field

from core.api.services import asked
from core.service import estate
from core.store.clock import DAY_MS, iso_seconds
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class NodeView(BaseModel):
    """A process of the service."""

    id: str
    address: str
    present: bool
    started_at: str | None
    last_heartbeat_at: str


class CertificateView(BaseModel):
    """A certificate that is watched."""

    serial: str
    subject: str
    issuer: str
    source: str = Field(description="A file, or an address that shows it.")
    sha256: str
    not_before: str | None
    not_after: str
    days_left: int
    warned: bool = Field(description="Its end was announced.")


class ReputationView(BaseModel):
    """From 0 to 100; listed below 30, off the list above 45, an unknown address has 60."""

    ip: str
    score: float
    messages: int
    listed: bool
    updated_at: str


async def nodes(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await estate.nodes(tx, by)
    return Reply(
        data=[
            NodeView(
                id=node.id,
                address=node.address,
                present=node.present,
                started_at=iso_seconds(node.started_ms),
                last_heartbeat_at=iso_seconds(node.heartbeat_ms),
            )
            for node in found
        ]
    )


async def certificates(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await estate.certificates(tx, by)
    same, now_ms = ("serial", "subject", "issuer", "source", "sha256", "warned"), core.clock()
    return Reply(
        data=[
            CertificateView(
                **{name: getattr(each, name) for name in same},
                not_before=iso_seconds(each.not_before_ms),
                not_after=iso_seconds(each.not_after_ms),
                days_left=(each.not_after_ms - now_ms) // DAY_MS,
            )
            for each in found
        ]
    )


async def reputation(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        known = await estate.reputation(core, tx, by, call.path["ip"])
    standing = known.standing
    return Reply(
        data=ReputationView(
            ip=standing.ip,
            score=standing.score,
            messages=standing.messages,
            listed=standing.listed,
            updated_at=iso_seconds(known.updated_ms),
        )
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/cluster/nodes",
        nodes,
        summary="The service's processes",
        response=list[NodeView],
        scope=estate.READ,
    ),
    Route(
        "GET",
        "/api/v1/certificates",
        certificates,
        summary="Certificates that are watched, the first to end first",
        response=list[CertificateView],
        scope=estate.READ,
    ),
    Route(
        "GET",
        "/api/v1/reputation/{ip}",
        reputation,
        summary="What is known of a sender's address",
        response=ReputationView,
        scope=estate.READ,
        errors=(NotFound,),
    ),
)
