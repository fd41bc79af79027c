"""The product: hub and core together. Its configuration is the hub's with the core's sections."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from core.app.dialects import DialectConfig, DialectName
from core.config import CoreConfig
from hub.config.load import Loaded, load
from hub.config.model import Settings

__all__ = ["Product", "load_product"]


def _begun(value: Any) -> Any:
    """`core:` with nothing below it means a core with all its defaults."""
    return {} if value is None else value


class Product(Settings):
    """Everything that can be set."""

    core: Annotated[CoreConfig | None, BeforeValidator(_begun)] = Field(
        None, description="the core mail filtering API service, run beside the hub; left out = none"
    )
    dialects: dict[DialectName, DialectConfig] = Field(
        default_factory=dict, description="vendors' APIs over the core's data, each on its own listener"
    )

    @field_validator("dialects")
    @classmethod
    def _over_a_core(cls, value: Any, info: ValidationInfo) -> Any:
        if value and "core" in info.data and info.data["core"] is None:
            raise ValueError("dialects are vendors' APIs over the core: add the section core")
        return value


def load_product(
    path: Path | None, env: Mapping[str, str], *, overrides: Mapping[str, object] | None = None
) -> Loaded:
    """As `hub.config.load.load`, for the whole product. Raises `ConfigError`."""
    return load(path, env, overrides=overrides, model=Product)
