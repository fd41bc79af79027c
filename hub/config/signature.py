"""A source's signature profile: the vendor's schemes, or what the user says instead."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from hub.config.section import Section
from hub.config.values import OneOrMany
from hub.sdk.verify import STANDARD_WEBHOOKS, Scheme

__all__ = ["Signature", "SignatureConfig", "schemes_of"]

Lower = Annotated[str, BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v)]


class SignatureConfig(Section):
    """Fields that differ from a scheme of the vendor; a test keeps them equal to `hub.sdk.verify.Scheme`."""

    name: str | None = Field(None, description="the scheme to start from; the vendor's first when left out")
    headers: Annotated[tuple[Lower, ...], OneOrMany()] | None = Field(
        None, description="header names to look in, first match wins"
    )
    algorithm: Literal["sha1", "sha256", "sha512"] | None = Field(None, description="hash of the HMAC")
    encoding: Literal["hex", "base64", "base64url"] | None = Field(
        None, description="how the signature is written"
    )
    prefix: str | None = Field(None, description="what stands before the signature, e.g. sha256=")
    content: Annotated[tuple[Literal["id", "timestamp", "body"], ...], OneOrMany()] | None = Field(
        None, description="parts that are signed, joined by `separator`"
    )
    lead: str | None = Field(None, description="fixed text before the first part, e.g. v0:")
    separator: str | None = Field(None, description="what joins the parts; a dot when left out")
    form: Literal["plain", "t=,v1=", "standard-webhooks"] | None = Field(
        None, description="form of the header"
    )
    id_header: Lower | None = Field(None, description="header of the delivery id")
    timestamp_header: Lower | None = Field(None, description="header of the time of signing, epoch seconds")
    tolerance_s: float | None = Field(None, gt=0, description="replay window both ways")
    secret: Literal["text", "whsec"] | None = Field(None, description="whsec: base64 after its prefix")


Signature = Annotated[
    Annotated[str, Tag("name")] | Annotated[SignatureConfig, Tag("fields")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "fields"),
]
"""The name of a scheme, or fields."""


def schemes_of(
    wanted: Sequence[str | SignatureConfig] | None, offered: Sequence[Scheme]
) -> tuple[Scheme, ...]:
    """The schemes that a source's webhooks are checked against.

    `wanted` is the source's `signature`; `None` means all that the vendor's spec offers. Raises
    `ValueError` for a name that is not offered and for a scheme without a header to look in.
    """
    if wanted is None:
        return tuple(offered)
    return tuple(_scheme(one, offered) for one in wanted)


def _scheme(wanted: str | SignatureConfig, offered: Sequence[Scheme]) -> Scheme:
    if isinstance(wanted, str):
        return _named(wanted, offered)
    if wanted.name is not None:
        base = _named(wanted.name, offered)
    else:
        base = offered[0] if offered else Scheme(name="custom", headers=wanted.headers or ())
    changes = {f.name: getattr(wanted, f.name) for f in fields(Scheme) if getattr(wanted, f.name) is not None}
    scheme = replace(base, **changes)
    if not scheme.headers:
        raise ValueError("a signature needs 'headers': the header names to look in")
    return scheme


def _named(name: str, offered: Sequence[Scheme]) -> Scheme:
    known = {scheme.name: scheme for scheme in (STANDARD_WEBHOOKS, *offered)}
    if name in known:
        return known[name]
    raise ValueError(f"unknown signature scheme {name!r}; known: {', '.join(sorted(known))}")
