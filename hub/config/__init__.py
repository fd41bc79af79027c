"""Settings: the model, reading it from YAML and environment, and its schema for editors."""

from hub.config.load import Loaded, load, load_text
from hub.config.model import ConnectorConfig, Settings, SourceConfig
from hub.config.problem import ConfigError, Problem

__all__ = [
    "ConfigError",
    "ConnectorConfig",
    "Loaded",
    "Problem",
    "Settings",
    "SourceConfig",
    "load",
    "load_text",
]
