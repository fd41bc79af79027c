"""Notice that a walk goes round in circles, in constant space (Brent's cycle detection, 1980)."""

from hashlib import sha256

import msgspec

__all__ = ["Rounds"]


class Rounds(msgspec.Struct, omit_defaults=True):
    """One remembered digest; it is renewed after 1, 2, 4, 8, ... steps, so every cycle comes to meet it."""

    mark: str = ""
    steps: int = 0
    power: int = 1

    def met(self, *parts: bytes) -> bool:
        """Whether this was seen before; in a cycle of n steps at the latest 3n steps after its start."""
        digest = sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()[:16]
        if digest == self.mark:
            return True
        self.steps += 1
        if self.steps >= self.power:
            self.mark, self.steps, self.power = digest, 0, self.power * 2
        return False
