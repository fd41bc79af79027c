"""What one hub process answers: webhooks, the API, and the command line's unix socket."""

import os
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from hub.api.app import create_app
from hub.api.services import Services
from hub.app.backup.take import Backups
from hub.app.door import PREFIX, Door
from hub.app.https import https_only
from hub.app.listener import Listener
from hub.app.send_test import send_test
from hub.app.sources import doors
from hub.config.model import Settings
from hub.pipeline.capture import Captures
from hub.pipeline.erasing import Erasures
from hub.pipeline.ingest import Door as Entrance
from hub.pipeline.ingest import Ingest, IngestLimits
from hub.telemetry.metrics import METRICS

if TYPE_CHECKING:
    from hub.app.hub import Hub

__all__ = ["Front"]


class Front:
    """Of one hub process; made when everything that it asks is there."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self.url = ""
        """Where the public listener is, once started."""
        self.socket: Path | None = None
        """The command line's, once started."""
        self._captures = Captures(hub.settings.data / "captures", now_ms=hub.now_ms)
        self._ingest = self._make_ingest() if "serve" in hub.roles else None
        self._tls_context: ssl.SSLContext | None = None
        self.services = Services(
            log=hub.store.log,
            state=hub.store.state,
            archive=hub.archive,
            settings=hub.settings,
            replays=hub.replays,
            erasures=Erasures(
                hub.store.log, hub.archive, hub.store.state, look=hub.closed.look, now_ms=hub.now_ms
            ),
            captures=self._captures,
            ready=hub.store.ready,
            backups=self._backups(),
            send_test=lambda name, kind: send_test(
                name, kind, hub.settings, hub.registry, now_ms=hub.now_ms()
            ),
            readers=hub.readers,
            metrics=METRICS,
        )

    async def start(self, stack: AsyncExitStack) -> None:
        """Listen; `stack` ends it in reverse order, whether or not all of it could start."""
        if self._ingest is None:
            await self._listen(stack, None)
            return
        self._hub.observers.captures = self._captures
        limits = self._hub.settings.ingest
        door = Door(
            self._ingest,
            read_timeout_s=limits.read_timeout_s,
            max_in_flight_bytes=limits.max_in_flight_bytes,
        )
        await self._listen(stack, door)
        await self._listen_privately(stack)

    def reload(self, settings: Settings, doors_now: Mapping[str, Entrance]) -> None:
        """Take over new settings; the certificate is read again."""
        if self._tls_context is not None:
            self._tls()
        self.services.settings = settings
        if self._ingest is not None:
            self._ingest.doors = doors_now

    def _make_ingest(self) -> Ingest:
        hub, limits = self._hub, self._hub.settings.ingest
        return Ingest(
            doors(hub.settings, hub.registry),
            hub.recorder.commit,
            hub.observers,
            limits=IngestLimits(
                max_body_bytes=limits.max_body_bytes,
                max_inflated_bytes=limits.max_inflated_bytes,
                max_events=limits.max_events,
            ),
            now_ms=hub.now_ms,
            closed=hub.store.closed,
            erased=hub.closed,
        )

    def _backups(self) -> Backups | None:
        """Of a hub that has everything in this process; another's log is another's to copy."""
        hub = self._hub
        if hub.settings.redis_url is not None or "work" not in hub.roles:
            return None
        return Backups(
            lambda: hub.settings,
            hub.store.log,
            hub.store.url,
            hub.keeper,
            lambda: hub.extras,
            lambda: hub.beside,
        )

    async def _listen(self, stack: AsyncExitStack, door: Door | None) -> None:
        settings = self._hub.settings
        public = Listener(
            create_app(
                self.services,
                trusted=False,
                extra_routes=[web.post("/in/{source}", door.post)] if door else [],
            ),
            max_connections=settings.ingest.max_connections,
            direct=(PREFIX, door.post) if door else None,
            refuse=https_only(settings),
        )
        stack.push_async_callback(public.stop)
        host, port = settings.address
        port = await public.start_tcp(host, port, self._tls())
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if settings.tls else 'http'}://{shown}:{port}"

    async def _listen_privately(self, stack: AsyncExitStack) -> None:
        """The unix socket of the command line, and the file that says where it is."""
        private = Listener(create_app(self.services, trusted=True), max_connections=64)
        stack.push_async_callback(private.stop)
        self.socket = self._hub.store.runtime / "api.sock"
        self.socket.unlink(missing_ok=True)
        await private.start_unix(str(self.socket))
        self.socket.chmod(0o600)
        runtime = self._hub.settings.data / "runtime.json"
        runtime.write_bytes(orjson.dumps({"socket": str(self.socket), "url": self.url, "pid": os.getpid()}))
        stack.callback(runtime.unlink, missing_ok=True)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What the public listener shows; a reload reads the certificate again into it."""
        return self._tls_context

    def _tls(self) -> ssl.SSLContext | None:
        """The certificate as it is on the disk now; a reload reads it again into the same context."""
        tls = self._hub.settings.tls
        if tls is None:
            return None
        if self._tls_context is None:
            self._tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls_context.load_cert_chain(tls.cert, tls.key)
        return self._tls_context
