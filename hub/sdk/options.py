"""Options are data: pydantic models that validate, document and redact themselves.

An option that holds a secret is a `SecretStr`; its repr never shows it. Units stand in names (`timeout_s`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

__all__ = ["ConfigPath", "Options", "said"]


def _beside(path: Path, info: ValidationInfo) -> Path:
    folder_of = (info.context or {}).get("folder_of")
    path = path.expanduser()
    return path if folder_of is None else folder_of(info.field_name) / path


ConfigPath = Annotated[Path, AfterValidator(_beside)]
"""A path that is relative to the file of the configuration in which it stands."""


def said(error: Mapping[str, Any]) -> str:
    """What an entry of `ValidationError.errors()` says: our validators in their own words, no prefix."""
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")


class Options(BaseModel):
    """Base of every source's and connector's options: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, options: "Options") -> Self:
        """The options that a spec's function is given, as its own kind: the registry validated them."""
        assert isinstance(options, cls)  # noqa: S101 - narrows the type
        return options
