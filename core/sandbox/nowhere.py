"""The world outside of a sandbox: made names, and a place where delivered mail ends."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.sandbox.names import MadeNames
from core.seam.smtp import Letter, Outcome, Relay, Target
from core.service.core import Core
from hub.sdk.http import Guard

__all__ = ["Nowhere", "outside"]

_TAKEN = Outcome(state="sent", words="250 2.0.0 made mail ends here")


class Nowhere(Relay):
    """Made recipients have no server: everything is taken, nothing is sent."""

    def __init__(self, hostname: str) -> None:
        super().__init__(Guard(()), hostname)

    async def send(self, targets: Sequence[Target], letter: Letter) -> dict[str, Outcome]:
        del targets
        return dict.fromkeys(letter.addresses, _TAKEN)


def outside(domains: Sequence[str]) -> Callable[[Core], Core]:
    """For `CoreService`: no mail leaves, and DNS knows the made world alone."""

    def played(core: Core) -> Core:
        core.seam.relay = Nowhere(core.config.hostname)
        return replace(core, resolver=MadeNames(domains, core.clock))

    return played
