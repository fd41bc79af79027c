"""A domain's limits as MxGuard has them: on the scale of its scores, 0.00 to 1.00."""

from itertools import accumulate, pairwise
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from core.engine import verdict as engine
from core.engine.scales import engine_score, mx_score
from core.service.domain_changes import PolicyChange
from hub.web.errors import ValidationFailed

__all__ = ["Thresholds"]

_NAMES: Final = ("tag", "quarantine", "reject")


class Thresholds(BaseModel):
    """From which score on mail is tagged, held, refused: 0.50, 0.75 and 0.97 unless set otherwise."""

    model_config = ConfigDict(extra="forbid")

    tag: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    quarantine: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    reject: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)

    @classmethod
    def of(cls, limits: engine.Thresholds) -> "Thresholds":
        return cls(**{name: mx_score(getattr(limits, name)) for name in _NAMES})

    def change(self, before: engine.Thresholds) -> PolicyChange:
        """What is not given stays. Raises `ValidationFailed` naming a limit that is above the next one."""
        given = self.model_dump(exclude_none=True)
        shown = {**Thresholds.of(before).model_dump(), **given}
        for low, high in pairwise(_NAMES):
            if shown[low] > shown[high]:
                said = f"{shown[low]:g} is above {high} {shown[high]:g}"
                raise ValidationFailed.of(f"thresholds.{low}", said)
        scores = [engine_score(given[name]) if name in given else getattr(before, name) for name in _NAMES]
        # What two digits show as equal may be a little out of order here.
        tag, quarantine, reject = accumulate(scores, max)
        return PolicyChange(tag=tag, quarantine=quarantine, reject=reject)
