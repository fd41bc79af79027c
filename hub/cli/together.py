"""A hub and the core beside it, in one process.

The hub's server counts the core's limits, the hub listens for it, takes its keys, and polls its outbox: one
source a tenant, because a source belongs to one. Their tokens end with the process.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson
import structlog
from aiohttp import web

from hub.access.principal import OPERATOR
from hub.app.https import https_only
from hub.app.listener import Listener
from hub.archive.base import ArchiveError
from hub.cli import core_tenants
from hub.cli.core_tenants import source_name
from hub.cli.errors import Unreachable
from hub.cli.hidden import hidden
from hub.cli.product import Product
from hub.config.model import PollConfig, Settings, SourceConfig
from hub.sdk.ending import end
from hub.sdk.lifetime import Opening
from hub.sdk.values import host_port
from hub.store.base import StoreError
from hub.web.access import StaticToken
from hub.web.client import trust

if TYPE_CHECKING:
    from core.app.service import CoreService
    from core.audit.anchoring import Anchoring
    from core.config import CoreConfig
    from core.service.core import Core
    from hub.app.hub import Hub
    from hub.store.client import Client

__all__ = ["FOLDER", "SANDBOX", "Together", "core_troubles"]

FOLDER: Final = "core"
"""Of the core, below the hub's data directory."""
SANDBOX: Final = "sandbox"
"""Of the demo's, below the hub's data directory."""
_VENDOR = "core"
_EVERY_S = 5.0
_LOOK_S = 5.0
_PRIVATE = "127.0.0.1:0"
_ANSWER_S = 5.0
_LOOPBACK = ("127.0.0.0/8", "::1/128")

log = structlog.get_logger("hub.cli")


class Together(Opening):
    """`async with Together(hub, settings)`; without a section `core` there is only the hub."""

    core: "CoreService | None" = None
    sandbox: "Core | None" = None
    """What the demo's runs on, while it does: its state belongs into a back-up."""

    def __init__(self, hub: "Hub", settings: Settings, *, any_port: bool = False) -> None:
        """`any_port`: where the core's address is taken, it listens on a free port (the demo)."""
        super().__init__()
        self.hub = hub
        self._settings = settings
        self._any_port = any_port
        self._tenants: tuple[str, ...] = (OPERATOR,)
        self._news = asyncio.Event()
        self._inside = ""
        """Where the hub reaches the core."""

    async def __aexit__(self, *_: object) -> None:
        self.hub.services.gate = self.hub.services.new_tenant = self.hub.beside = None
        self.hub.services.hidden = None
        await super().__aexit__()

    @property
    def urls(self) -> Mapping[str, str]:
        """Where the core answers: its API (`api`) and its dialects, by name."""
        return self.core.urls if self.core else {}

    # -- as the hub sees it: `hub.app.beside.Beside` ---------------------------------------------------------
    async def erase(self, tenant: str) -> Mapping[str, int]:
        from core.service.erasing import erase
        from core.store.database import Unavailable
        from hub.access.limiter import LimiterDown

        assert self.core is not None  # noqa: S101 - joined once it runs
        try:
            return await erase(self.core.core, tenant)
        except (Unavailable, LimiterDown, OSError) as error:
            raise ArchiveError(f"the core's data cannot be erased now: {error}") from error

    async def freeze(
        self, work: Path, check_room: Callable[[int, str], None]
    ) -> tuple[Mapping[str, Path], Sequence[str]]:
        assert self.core is not None  # noqa: S101 - joined once it runs
        files, left_out = await _frozen(
            self.core.core, self.core.anchoring, work / FOLDER, check_room, FOLDER
        )
        if self.sandbox is not None:
            more, missing = await _frozen(self.sandbox, None, work / SANDBOX, check_room, f"beside/{SANDBOX}")
            files, left_out = {**files, **more}, [*left_out, *missing]
        return files, left_out

    def client(self, stack: AsyncExitStack) -> "Client":
        """Of the hub's server, for who runs beside it; closed with the stack."""
        from hub.store.client import Client

        redis: Client = Client.from_url(
            self.hub.store.url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S
        )
        stack.push_async_callback(redis.aclose)
        return redis

    async def reload(self, settings: Settings) -> None:
        """As `Hub.reload`, with the core's sources. What the core itself is told needs a restart."""
        self._settings = settings
        await self.hub.reload(self._joined())

    # -- start -----------------------------------------------------------------------------------------------
    async def _open(self) -> None:
        """Raises `Unreachable` saying why the core cannot start."""
        settings = self._settings
        if isinstance(settings, Product) and settings.core is not None:
            await self._start(settings, settings.core)

    async def _start(self, settings: Product, config: "CoreConfig") -> None:
        from core.app.service import CoreService

        redis = self.client(self._stack)
        service = CoreService(
            config,
            self.hub.settings.data / FOLDER,
            redis,
            environ=os.environ,
            dialects=settings.dialects,
            listen=self._listen,
            admin_token=self._admin_token,
        )
        try:
            self.core = await self._stack.enter_async_context(service)
        except core_troubles() as error:
            raise Unreachable(f"core: {error}") from error
        self._inside = await self._reach(service)
        self._publish(service)
        _welcome(service)
        self._take_keys(service)
        self.hub.services.new_tenant = partial(core_tenants.make, service, self._news.set)
        self.hub.beside = self
        self._tenants = await self._look(service)
        await self.hub.reload(self._joined())
        task = asyncio.create_task(self._watch(service), name="tenants of the core")
        self._stack.push_async_callback(end, task)

    def _publish(self, service: "CoreService") -> None:
        """Where the core answers stands beside where the hub does."""
        path = self.hub.settings.data / "runtime.json"
        said = {**orjson.loads(path.read_bytes()), FOLDER: dict(service.urls)}
        draft = path.with_suffix(".draft")
        draft.write_bytes(orjson.dumps(said))
        draft.replace(path)

    async def _listen(self, stack: AsyncExitStack, app: web.Application, address: str) -> str:
        """With the hub's bounds and its certificate."""
        settings, front = self.hub.settings, self.hub.front
        trust(app, settings.trusted_proxies)
        listener = Listener(app, max_connections=settings.ingest.max_connections, refuse=https_only(settings))
        stack.push_async_callback(listener.stop)
        host, port = host_port(address)
        tls = front.tls if front is not None else None
        try:
            bound = await listener.start_tcp(host, port, tls)
        except OSError as error:
            if not self._any_port:
                raise Unreachable(f"{address}: {error.strerror or error}") from error
            bound = await listener.start_tcp(host, 0, tls)
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if tls else 'http'}://{shown}:{bound}"

    async def _reach(self, service: "CoreService") -> str:
        """On loopback and without TLS: where its own address is none such, on one of its own."""
        near = service.url.startswith(("http://127.", "http://localhost:", "http://[::1]:"))
        if near and not self.hub.settings.force_https:
            return service.url
        from core.api.app import create_app
        from core.app.listeners import listen

        return await listen(self._stack, create_app(service.core, token=service.tokens), _PRIVATE)

    def _take_keys(self, service: "CoreService") -> None:
        from hub.access.plans import of_an_address
        from hub.web.gate import Gate

        access, token = service.core.access, StaticToken(self._admin_token)
        unknown = of_an_address(service.core.config.unknown_per_minute)
        gate = Gate(access.keyring, access.sessions, access.limiter, token=token, unknown=unknown)
        self.hub.services.gate = gate
        self.hub.services.hidden = partial(hidden, service)

    def _admin_token(self) -> str:
        secret = self.hub.settings.admin_token
        return secret.get_secret_value() if secret else ""

    # -- its tenants are sources -----------------------------------------------------------------------------
    def _joined(self) -> Settings:
        """The settings with the core's sources; one of the configuration with such a name stays."""
        if self.core is None:
            return self._settings
        known = self._tenants if _VENDOR in self.hub.registry.sources() else ()
        mine = {source_name(tenant): self._source(self.core, tenant) for tenant in known}
        sources: Mapping[str, SourceConfig] = {**mine, **self._settings.sources}
        return self._settings.model_copy(update={"sources": sources})

    def _source(self, service: "CoreService", tenant: str) -> SourceConfig:
        spec = self.hub.registry.source(_VENDOR)
        given: dict[str, Any] = {"url": self._inside, "api_key": service.tokens.of(tenant)}
        options = spec.options.model_validate(given)
        polls = {stream.name: PollConfig(every_s=_EVERY_S) for stream in spec.streams(options)}
        return SourceConfig(
            vendor=_VENDOR,
            tenant=tenant,
            polls=polls,
            allow_networks=_LOOPBACK,
            silent_after_s=None,
            options=options,
        )

    async def _watch(self, service: "CoreService") -> None:
        """A tenant that is new in the core becomes a source."""
        from core.store.database import Unavailable

        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_S)
            self._news.clear()
            try:
                tenants = await self._look(service)
                if tenants != self._tenants:
                    self._tenants = tenants
                    await self.hub.reload(self._joined())
            except (StoreError, Unavailable, OSError) as error:
                log.warning("hub.core.tenants_unknown", reason=str(error))

    async def _look(self, service: "CoreService") -> tuple[str, ...]:
        from core.store.tenancy import tenants

        async with service.core.database.read() as tx:
            return tuple(sorted({OPERATOR, *await tenants(tx)}))


async def _frozen(
    core: "Core",
    anchoring: "Anchoring | None",
    work: Path,
    check_room: Callable[[int, str], None],
    place: str,
) -> tuple[Mapping[str, Path], Sequence[str]]:
    """Copies by their names in the back-up, below `place`. Raises `ArchiveError`."""
    import sqlite3

    from core.app.backup import freeze

    try:
        frozen = await freeze(core, anchoring, work, check_room)
    except (OSError, sqlite3.Error) as error:
        raise ArchiveError(f"the state of {core.data} cannot be copied: {error}") from error
    return {f"{place}/{name}": path for name, path in frozen.files.items()}, frozen.left_out


def _welcome(service: "CoreService") -> None:
    """While nobody can sign in, whoever starts it is told how; only they see it."""
    if service.first_token is not None:
        click.echo(
            "mxhub: core: nobody can sign in yet; make the first administrator within a day:"
            f' POST {service.url}/api/v1/setup {{"token": "{service.first_token}",'
            ' "login": ..., "password": ...}'
        )


def core_troubles() -> tuple[type[Exception], ...]:
    """Why a core cannot start, where that is not a defect."""
    from core.audit.chain import WrongKey
    from core.audit.keys import BadKey
    from core.store.database import InUse, Unavailable
    from core.store.migrations import NewerSchema

    return (OSError, InUse, Unavailable, NewerSchema, BadKey, WrongKey)
