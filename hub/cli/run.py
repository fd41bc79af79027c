"""`mxhub run`, `serve` and `worker`: start a hub, stop it cleanly, reload it on SIGHUP.

This is the one place that knows both the hub and the core: without a configuration it starts the sandbox
beside the hub.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from hub.cli.errors import Unreachable, Usage
from hub.config.load import Loaded
from hub.config.problem import ConfigError

__all__ = ["run", "serve", "stop_event", "worker"]

Work = Callable[[Loaded], Coroutine[Any, Any, None]]
_COLLECT = (10_000, 20, 50)
"""When garbage is looked for. At Python's own thresholds (700, 10, 10) it took 7 % of ingest's CPU time: a
request leaves hundreds of short-lived objects, hardly any in a cycle."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--listen", help="HOST:PORT of the HTTP server; port 0 takes any free one.", envvar="MXHUB_LISTEN"
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            help="Data directory.",
            envvar="MXHUB_DATA",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Configuration file.",
            envvar="MXHUB_CONFIG",
        ),
    ):
        command = option(command)
    return command


_BELIEVE_LOG = click.option(
    "--believe-log",
    is_flag=True,
    help="Begin a new archive behind what the log forgot, after the old one, which contradicted the log, was "
    "moved away.",
)


@click.command()
@_options
@_BELIEVE_LOG
def run(config: Path | None, data: Path | None, listen: str | None, believe_log: bool) -> None:
    """Start everything in one process; without a configuration, a demo with a sandbox MailGuard."""
    loaded = _load(config, data, listen)
    _main(loaded, partial(_demo if loaded.path is None else _everything, believe_log=believe_log))


@click.command()
@_options
def serve(config: Path | None, data: Path | None, listen: str | None) -> None:
    """Serve HTTP: webhooks and the API. Needs `redis_url`, and a `worker` beside it."""
    loaded = _load(config, data, listen)
    _needs_redis(loaded)
    _main(loaded, _serve)


@click.command()
@_options
@_BELIEVE_LOG
def worker(config: Path | None, data: Path | None, listen: str | None, believe_log: bool) -> None:
    """Route, archive, deliver and poll. Needs `redis_url`; any number may run.

    With --listen it serves probes, metrics and the API too (no webhooks).
    """
    loaded = _load(config, data, listen)
    _needs_redis(loaded)
    _main(loaded, partial(_work if listen is None else _work_and_answer, believe_log=believe_log))


def _load(config: Path | None, data: Path | None, listen: str | None) -> Loaded:
    from hub.cli.product import load_product

    try:
        return load_product(config, os.environ, overrides={"data": data, "listen": listen})
    except ConfigError as error:
        raise Usage(str(error)) from error


def _needs_redis(loaded: Loaded) -> None:
    if loaded.settings.redis_url is None:
        raise Usage(
            "serve and worker share one log: set redis_url (or use `mxhub run`, which starts its own)"
        )


def _main(loaded: Loaded, work: Work) -> None:
    import uvloop

    from hub.archive.base import ArchiveError
    from hub.store.base import StoreError
    from hub.telemetry.logs import setup

    setup(loaded.settings)
    try:
        uvloop.run(work(loaded))
    except (StoreError, ArchiveError) as error:
        raise Unreachable(str(error)) from error
    except OSError as error:
        raise Unreachable(f"{loaded.settings.listen}: {error.strerror or error}") from error


def stop_event() -> asyncio.Event:
    """Set by SIGINT or SIGTERM; a second one ends at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return stop


async def _run_until_stopped(
    loaded: Loaded,
    roles: frozenset[Any],
    beside: Callable[[Any], Any] | None = None,
    extras: Any = None,
    *,
    believe_log: bool = False,
) -> None:
    """`extras`: what a back-up takes beside the hub's own and the configuration."""
    from hub.app.backup.manifest import Extras
    from hub.app.hub import Hub
    from hub.cli.together import Together

    stop = stop_event()
    async with AsyncExitStack() as stack:
        extras = replace(extras or Extras(), documents=loaded.documents)
        hub = await stack.enter_async_context(
            Hub(loaded.settings, roles, extras=extras, believe_log=believe_log)
        )
        together = Together(hub, loaded.settings, any_port=loaded.path is None)
        if {"serve", "work"} <= roles:
            await stack.enter_async_context(together)
        _reload_on_hup(together, loaded)
        gc.collect()
        gc.freeze()  # what lives from here on is what a collection has to look at
        gc.set_threshold(*_COLLECT)
        if beside is not None:
            await stack.enter_async_context(beside(together))
        await stop.wait()


def _reload_on_hup(together: Any, loaded: Loaded) -> None:
    from hub.store.base import StoreError
    from hub.telemetry import happenings
    from hub.telemetry.logs import protect

    tasks: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        try:
            again = loaded.reload(os.environ)
        except ConfigError as error:
            happenings.config_refused(str(error))
            return
        protect(again.settings)
        together.hub.extras = replace(together.hub.extras, documents=again.documents)
        try:
            await together.reload(again.settings)
        except StoreError as error:
            happenings.config_refused(f"not taken over, send SIGHUP again: {error}")
            return
        happenings.config_reloaded(
            len(again.files), len(again.settings.sources), len(again.settings.connectors)
        )

    def asked() -> None:
        task = asyncio.ensure_future(reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked)


async def _everything(loaded: Loaded, *, believe_log: bool) -> None:
    await _run_until_stopped(loaded, frozenset({"serve", "work"}), _shown(None), believe_log=believe_log)


async def _serve(loaded: Loaded) -> None:
    await _run_until_stopped(loaded, frozenset({"serve"}))


async def _work(loaded: Loaded, *, believe_log: bool) -> None:
    await _run_until_stopped(loaded, frozenset({"work"}), believe_log=believe_log)


async def _work_and_answer(loaded: Loaded, *, believe_log: bool) -> None:
    await _run_until_stopped(loaded, frozenset({"work", "answer"}), believe_log=believe_log)


async def _demo(loaded: Loaded, *, believe_log: bool) -> None:
    from hub.cli.demo import EXTRAS, Demo

    demo = Demo(loaded)
    await _run_until_stopped(
        demo.loaded, frozenset({"serve", "work"}), _shown(demo), EXTRAS, believe_log=believe_log
    )


def _shown(demo: Any) -> Callable[[Any], Any]:
    """What runs beside the hub: the sandbox in a demo, and the view of it all."""
    from hub.cli.live import view

    @asynccontextmanager
    async def beside(together: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if demo is not None:
                await stack.enter_async_context(demo.beside(together))
            shown = view(
                together.hub, terminal=sys.stdout.isatty(), core=together.urls, demo=demo is not None
            )
            await stack.enter_async_context(shown)
            yield

    return beside
