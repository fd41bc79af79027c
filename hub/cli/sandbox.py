"""`mxhub sandbox VENDOR`: a vendor's API with made mail behind it, settable faults, a look at clients."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import click
import orjson

from hub.cli.errors import Unreachable, Usage
from hub.cli.render import print_json

if TYPE_CHECKING:
    from core.sandbox.faults import Faults
    from core.sandbox.recorder import Violation
    from core.sandbox.sandbox import Sandbox

__all__ = ["sandbox"]

_ANSWER_S = 5.0
_ANYWHERE = ("0.0.0.0/0", "::/0")
"""Who starts a sandbox says where it pushes."""
VIOLATIONS = "violations.ndjson"
SECRET = "webhook-secret"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    vendor: str
    listen: str
    data: Path
    rate: float
    seed: int
    webhook: str | None
    secret: str | None
    as_json: bool


@click.command()
@click.argument("vendor")
@click.option("--listen", default="127.0.0.1:0", help="HOST:PORT of the vendor's API; port 0 = any free one.")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Its folder (./.mxhub/sandbox/VENDOR)."
)
@click.option(
    "--rate", type=click.FloatRange(0, 1000), default=4.0, show_default=True, help="Made messages a second."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of mail, people and faults.")
@click.option("--webhook", metavar="URL", help="Where its events are pushed.")
@click.option(
    "--secret",
    envvar="MXHUB_SANDBOX_SECRET",
    help="Signs what is pushed; without one it is made, and kept in the folder.",
)
@click.option("--fault", "faults", multiple=True, metavar="NAME=VALUE", help="May be repeated; see below.")
@click.option("--json", "as_json", is_flag=True, help="Print address and keys, and the summary, as JSON.")
def sandbox(faults: tuple[str, ...], data: Path | None, as_json: bool, **options: Any) -> None:
    """Run a sandbox of VENDOR until it is stopped: its API over a real filter that gets made mail.

    VENDOR is mailchannels, mailguard, mailsentinel, mxguard or mxroute-manager. Faults are a number of
    requests (refuse=3), a share of them (late=10%), or always; they can be changed while it runs, at the
    control address. What clients do against the vendor's page goes to violations.ndjson in the folder, and
    into the summary at the end. docs/howto/sandbox.md lists faults and rules.
    """
    import uvloop

    from hub.store.base import StoreError
    from hub.telemetry.logs import REDACTOR, setup

    setup(level="warning")
    vendor, secret = options["vendor"], options["secret"]
    if secret:
        REDACTOR.register([secret])
    wanted = _Wanted(data=data or Path(".mxhub") / "sandbox" / vendor, as_json=as_json, **options)
    _check(wanted)
    try:
        uvloop.run(_run(wanted, _faults(faults, wanted.seed)))
    except StoreError as error:
        raise Unreachable(str(error)) from error
    except OSError as error:
        raise Unreachable(f"{error.filename or wanted.listen}: {error.strerror or error}") from error


def _check(wanted: _Wanted) -> None:
    from core.app.dialects import DIALECTS
    from core.sandbox.vendors import VENDORS
    from hub.sdk.values import host_port

    there = sorted(VENDORS.keys() & DIALECTS.keys())
    if wanted.vendor not in there:
        raise Usage(f"{wanted.vendor[:60]!r} is no vendor with a sandbox; there are: {', '.join(there)}")
    if wanted.webhook and not VENDORS[wanted.vendor].webhook:
        raise Usage(f"--webhook: the page of {wanted.vendor} knows no webhooks")
    try:
        host_port(wanted.listen)
    except ValueError as error:
        raise Usage(f"--listen: {error}") from error


def _faults(given: tuple[str, ...], seed: int) -> "Faults":
    from pydantic import ValidationError

    from core.sandbox.faults import Faults
    from hub.sdk.options import said

    faults = Faults(seed=seed)
    try:
        faults.set(dict(_pair(text) for text in given))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        shown = "; ".join(f"{one['loc'][0]}: {said(one)}" for one in problems)
        raise Usage(f"--fault: {shown}") from error
    return faults


def _pair(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if name == "retry_after":
        return name, None if value in {"", "none"} else value
    with suppress(json.JSONDecodeError):
        return name, json.loads(value)
    return name, value


async def _run(wanted: _Wanted, faults: "Faults") -> None:
    from core.app.service import CoreService
    from core.config import CoreConfig
    from core.sandbox.mailgen import DOMAINS
    from core.sandbox.nowhere import outside
    from core.sandbox.sandbox import Sandbox
    from core.sandbox.vendors import VENDORS
    from hub.cli.run import stop_event
    from hub.cli.together import core_troubles
    from hub.store.client import Client
    from hub.store.embedded import EmbeddedServer

    stop, new = stop_event(), not (wanted.data / "admin-key").exists()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer(wanted.data))
        redis = Client.from_url(
            f"unix://{server.unix_socket}", socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S
        )
        stack.push_async_callback(redis.aclose)
        config = CoreConfig(listen="127.0.0.1:0", allow_networks=_ANYWHERE)
        service = CoreService(config, wanted.data / "core", redis, environ={}, outside=outside(DOMAINS))
        try:
            await stack.enter_async_context(service)
        except core_troubles() as error:
            raise Unreachable(f"sandbox: {error}") from error
        made = Sandbox(
            service.core,
            VENDORS[wanted.vendor],
            wanted.data,
            listen=wanted.listen,
            mails_per_s=wanted.rate,
            seed=wanted.seed,
            hook=_hook(wanted),
            faults=faults,
            tell=_teller(stack, wanted.data / VIOLATIONS),
        )
        await stack.enter_async_context(made)
        _welcome(wanted, made, service.url, new=new)
        sys.stdout.flush()  # whoever reads it through a pipe waits for it
        await stop.wait()
        _farewell(wanted, made)


def _hook(wanted: _Wanted) -> Any:
    from core.sandbox.hook import Hook

    if not wanted.webhook:
        return None
    return Hook(url=wanted.webhook, secret=wanted.secret or _kept_secret(wanted.data / SECRET))


def _kept_secret(path: Path) -> str:
    if not path.exists():
        _private(path, token_hex(24))
    return path.read_text(encoding="ascii").strip()


def _private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")


def _teller(stack: AsyncExitStack, path: Path) -> Any:
    """Writes each violation as a line of JSON, at once."""
    path.touch(mode=0o600)
    file = stack.enter_context(path.open("ab", buffering=0))

    def tell(violation: "Violation") -> None:
        file.write(orjson.dumps(violation.as_dict(), option=orjson.OPT_APPEND_NEWLINE))

    return tell


def _welcome(wanted: _Wanted, made: "Sandbox", api: str, *, new: bool) -> None:
    facts: Mapping[str, Any] = {
        "vendor": wanted.vendor,
        "url": made.url,
        "keys": made.keys,
        "control": made.control_url,
        "api": api,
        "data": str(wanted.data),
    }
    if wanted.as_json:
        print_json(facts)
        return
    click.echo(f"mxhub: {wanted.vendor} answers at {made.url}, faults are set at {made.control_url}")
    for name, text in made.keys.items():
        shown = text if new else f"in {wanted.data / name}"
        click.echo(f"mxhub: {name}: {shown}")


def _farewell(wanted: _Wanted, made: "Sandbox") -> None:
    fired = {name: n for name, n in sorted(made.faults.fired.items()) if n}
    summary = {**made.recorder.summary, "faults": fired}
    if wanted.as_json:
        print_json({"summary": summary})
        return
    click.echo(f"mxhub: {summary['requests']} requests, {summary['violations']} against the page")
    for rule, count in summary["by_rule"].items():
        click.echo(f"mxhub:   {rule}: {count}")
