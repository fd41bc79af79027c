"""Log lines: JSON when nobody sits before them, plain when somebody does; secrets never.

Everything goes through one chain, the lines of libraries (the `logging` module) too.
"""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog
from pydantic import BaseModel

from hub.telemetry.happenings.base import hear
from hub.telemetry.redact import Redactor, secrets_of

__all__ = ["REDACTOR", "protect", "setup"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _dumps(line: Any, **_: Any) -> str:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")


REDACTOR = Redactor()
"""This process's secrets: what is registered once is never written again."""


def protect(settings: BaseModel) -> None:
    """Scrub every secret of these settings from all log lines from now on (again after a reload)."""
    REDACTOR.register(secrets_of(settings))


def setup(
    settings: BaseModel | None = None,
    *,
    level: str = "info",
    json: bool | None = None,
    stream: TextIO | None = None,
) -> None:
    """Configure structlog and `logging` for this process, and protect the secrets of `settings`.

    `json=None` decides by whether `stream` (standard error by default) is a terminal. `level` is debug, info,
    warning or error; libraries are heard from warning on. Raises `ValueError` for another level.
    """
    if settings is not None:
        protect(settings)
    if level not in _LEVELS:
        raise ValueError(f"unknown log level {level!r}; known: {', '.join(_LEVELS)}")
    hear(level)
    out = stream or sys.stderr
    plain = out.isatty() if json is None else not json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        REDACTOR,
    ]
    renderers = _renderers(plain=plain, colors=out.isatty())
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    _adopt_libraries(out, shared, renderers)


def _renderers(*, plain: bool, colors: bool) -> list[structlog.typing.Processor]:
    if plain:
        return [structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="time", pad_event_to=28)]
    return [structlog.processors.JSONRenderer(serializer=_dumps)]


def _adopt_libraries(
    out: TextIO, shared: list[structlog.typing.Processor], renderers: list[structlog.typing.Processor]
) -> None:
    """Send what libraries log through the same chain."""
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared], processors=[meta, *renderers]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
