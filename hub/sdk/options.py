"""Options are data: pydantic models that validate, document and redact themselves.

An option that holds a secret is a `SecretStr`; its repr never shows it. Units stand in names (`timeout_s`).
"""

from pydantic import BaseModel, ConfigDict

__all__ = ["Options"]


class Options(BaseModel):
    """Base of every source's and connector's options: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
