"""Where faults are set while a sandbox runs: a small API of its own, on loopback only."""

from ipaddress import ip_address
from typing import Any, Final

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.sandbox.faults import Faults
from core.sandbox.life import Life
from core.sandbox.recipes import RECIPES
from core.sandbox.recorder import Recorder
from hub.sdk.options import said

__all__ = ["control_app"]

_MOST: Final = 500


class _Mail(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str | None = Field(None, description="of the recipes; none = any")
    count: int = Field(1, ge=1, le=_MOST)


def control_app(faults: Faults, recorder: Recorder, life: Life) -> web.Application:
    """`GET /`, `PATCH /faults`, `DELETE /faults`, `POST /mail`."""

    def state() -> web.Response:
        return _json(
            {
                "faults": faults.settings.model_dump(),
                "fired": {name: n for name, n in sorted(faults.fired.items()) if n},
                "recorder": recorder.summary,
            }
        )

    async def show(_: web.Request) -> web.Response:
        return state()

    async def change(request: web.Request) -> web.Response:
        faults.set(await _object(request))
        return state()

    async def clear(_: web.Request) -> web.Response:
        faults.clear()
        return state()

    async def mail(request: web.Request) -> web.Response:
        asked = _Mail.model_validate(await _object(request))
        if asked.kind is not None and asked.kind not in RECIPES:
            return _refused(f"kind: one of {', '.join(sorted(RECIPES))}")
        taken = await life.deliver(asked.kind, asked.count)
        return _json({"verdicts": [each.verdict for one in taken for each in one.verdicts]})

    app = web.Application(middlewares=[_guarded], client_max_size=64 * 1024)
    app.router.add_get("/", show)
    app.router.add_patch("/faults", change)
    app.router.add_delete("/faults", clear)
    app.router.add_post("/mail", mail)
    return app


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No page in a browser may ask here, under whatever name it reaches loopback."""
    if "Origin" in request.headers or not _is_loopback(request.url.host or ""):
        return _refused("only programs on this machine ask here, by a loopback address", 403)
    try:
        return await handler(request)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        return _refused("; ".join(f"{'.'.join(map(str, one['loc']))}: {said(one)}" for one in problems[:5]))
    except (orjson.JSONDecodeError, TypeError) as error:
        return _refused(f"the body is no JSON object: {error}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


async def _object(request: web.Request) -> dict[str, Any]:
    found = orjson.loads(await request.read() or b"{}")
    if not isinstance(found, dict):
        raise TypeError("it is a list or a single value")
    return found


def _json(data: Any) -> web.Response:
    return web.Response(body=orjson.dumps(data), content_type="application/json")


def _refused(message: str, status: int = 400) -> web.Response:
    return web.Response(status=status, body=orjson.dumps({"error": message}), content_type="application/json")
