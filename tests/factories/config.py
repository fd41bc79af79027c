"""A registry with a made-up vendor and kind, so that tests of the configuration depend on no real one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import Field, SecretStr

from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options
from hub.sdk.source import Call, Page, SourceSpec, Stream
from hub.sdk.verify import Scheme

__all__ = ["FakeRegistry", "acme", "pipe"]


class AcmeOptions(Options):
    """Options of a vendor that is polled."""

    url: str = Field("", description="base of the API, e.g. https://acme.example/v1")
    api_key: SecretStr | None = Field(None, description="key of the API")
    page_size: int = Field(100, ge=1, le=1000, description="entries a page")


class PipeOptions(Options):
    """Options of a destination with one that is required."""

    url: str = Field(description="where to, e.g. https://pipe.example")
    password: SecretStr | None = Field(None, description="password")
    retries: int = Field(3, ge=0, description="tries of its own")


async def _no_page(call: Call, cursor: str | None, now_ms: int) -> Page:
    return Page(items=(), cursor="", more=False)


def acme(fetch: Callable[..., Any] = _no_page, lookback: Callable[..., Any] | None = None) -> SourceSpec:
    """A vendor with the streams `audit` and `quarantine`."""
    streams = tuple(Stream(name=name, fetch=fetch, lookback=lookback) for name in ("audit", "quarantine"))
    return SourceSpec(
        vendor="acme",
        title="Acme Filter",
        options=AcmeOptions,
        schemes=(
            Scheme(name="hmac-hex", headers=("x-acme-signature",)),
            Scheme(name="hmac-base64", headers=("x-acme-signature",), encoding="base64"),
        ),
        split=lambda _: (),
        mappers={},
        streams=lambda options: streams if getattr(options, "url", "") else (),
        auth=lambda options: (
            {"x-key": cast("AcmeOptions", options).api_key.get_secret_value()}  # type: ignore[union-attr]
            if cast("AcmeOptions", options).api_key
            else {}
        ),
    )


def _no_connector(options: Options, context: Context) -> Connector:
    raise NotImplementedError


def pipe(probe: Callable[..., Any] | None = None) -> ConnectorSpec:
    """A destination."""
    return ConnectorSpec(kind="pipe", title="A pipe", options=PipeOptions, make=_no_connector, probe=probe)


@dataclass
class FakeRegistry:
    """Knows one vendor and one kind; `broken` names raise when they are loaded."""

    vendors: Mapping[str, SourceSpec] = field(default_factory=lambda: {"acme": acme()})
    kinds: Mapping[str, ConnectorSpec] = field(default_factory=lambda: {"pipe": pipe()})
    broken: frozenset[str] = frozenset()

    def sources(self) -> list[str]:
        return sorted({*self.vendors, *self.broken})

    def connectors(self) -> list[str]:
        return sorted(self.kinds)

    def source(self, name: str, /) -> SourceSpec:
        if name in self.broken:
            raise ImportError(f"no module named 'lib{name}'")
        return self.vendors[name]

    def connector(self, name: str, /) -> ConnectorSpec:
        return self.kinds[name]
