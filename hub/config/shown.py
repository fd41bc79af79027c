"""Settings as the file would say them, with every secret masked."""

import re
from typing import Any

from pydantic import BaseModel, SecretStr

from hub.config.model import ConnectorConfig, Settings, SourceConfig

__all__ = ["shown"]

_MASK = "***"
_URL_CREDENTIALS = re.compile(r"(\w+://[^\s/:@]*):[^\s/@]+@")


def shown(settings: Settings) -> dict[str, Any]:
    """Plain data in the form of the file: options beside the common keys, secrets as `***`."""
    found = _plain(settings)
    return {key: value for key, value in found.items() if key not in {"include", "defaults"}}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, BaseModel):
        return _section(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | float):
        return value
    return int(value) if isinstance(value, int) else _URL_CREDENTIALS.sub(rf"\1:{_MASK}@", str(value))


def _section(model: BaseModel) -> dict[str, Any]:
    fields = type(model).model_fields
    found = {fields[name].alias or name: _plain(value) for name, value in model}
    if isinstance(model, SourceConfig | ConnectorConfig):
        found |= found.pop("options")
    return found
