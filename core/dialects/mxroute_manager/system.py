"""Whether the manager lives, who asks, and what there is to ask."""

from collections.abc import Iterable
from html import escape
from typing import Any

import orjson

from core.api.services import asked
from core.api.visitors import UNSEEN
from core.dialects.mxroute_manager.access import is_admin, shown_grants, username
from core.dialects.mxroute_manager.form import Beside
from hub.access.scopes import ADMIN, PERMISSIONS
from hub.access.sessions import COOKIE, csrf_token
from hub.web.route import ANY_CALLER, Bare, Call, Reply, Route

__all__ = ["catalogue", "routes", "skeleton"]


async def health(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    return Bare(body=b'{"status":"ok"}', media_type="application/json")


async def me(call: Call[None, None]) -> Reply:
    """`user`, `permissions` and `oidc_enabled` stand beside the data (R1); no cookie is set for a token."""
    core, by = asked(call)
    who, name, grants = by.principal, username(by), shown_grants(by.principal.grants)
    about = {
        "username": name,
        "auth": "token" if who.kind == "key" else "session",
        "is_admin": is_admin(by),
        "grants": grants,
    }
    if who.kind == "session":
        about["csrf_token"] = csrf_token(call.request.cookies.get(COOKIE, ""))
    user = {
        "email": name,
        "is_admin": about["is_admin"],
        "delegated_domains": [each["domain"] for each in grants],
        "domain_grants": {each["domain"]: each["permissions"] for each in grants},
    }
    members = {"oidc_enabled": core.oidc is not None, "permissions": list(PERMISSIONS), "user": user}
    return Reply(data=Beside(about, members), headers=UNSEEN)


def skeleton(routes: Iterable[Route]) -> dict[str, Any]:
    """OpenAPI 3 with paths, methods and summaries."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = {
            "summary": route.summary,
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in route.names
            ],
            "security": [] if route.scope is None else [{"bearer": []}],
            "responses": {str(route.status): {"description": route.summary}},
        }
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.0.3",
        "info": {"title": "MXroute Manager", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def catalogue(routes: Iterable[Route]) -> str:
    """The routes as a page for people."""
    rows = "".join(
        f"<tr><td>{each.method}</td><td><code>{escape(each.path)}</code></td><td>{escape(each.summary)}</td></tr>"
        for each in routes
    )
    title = "MXroute Manager API"
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    return f"{head}<body><h1>{title}</h1><table>{rows}</table></body></html>"


def routes(others: tuple[Route, ...]) -> tuple[Route, ...]:
    """All routes: these and `others`, which the descriptions name as well."""

    async def docs(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
        return Bare(body=catalogue(every).encode(), media_type="text/html; charset=utf-8")

    async def openapi(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
        return Bare(body=orjson.dumps(skeleton(every)), media_type="application/json")

    html, json = ("text/html; charset=utf-8",), ("application/json",)
    every = (
        Route("GET", "/health", health, summary="Whether it lives", scope=None, media_types=json),
        Route("GET", "/api/me", me, summary="Who asks, with which permissions", scope=ANY_CALLER),
        Route("GET", "/api/docs", docs, summary="This list", scope=ADMIN, media_types=html),
        Route("GET", "/api/openapi.json", openapi, summary="OpenAPI 3", scope=ADMIN, media_types=json),
        *others,
    )
    return every
