"""What a look-up gives, and who gives it."""

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["Answer", "Resolver", "State"]

State = Literal["found", "empty", "absent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`values` are texts: TXT joined (RFC 7208 3.3), hosts of MX and CNAME without the final dot, addresses.

    `empty`: the name exists without such a record; `absent`: no such name; `failed`: nobody can tell now.
    `priorities` are those of an MX answer, in the order of `values`. A null MX (RFC 7505) is the host `""`.
    """

    state: State
    values: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    ttl_s: float = 0.0
    reason: str = ""
    """Why it failed, in words for people."""

    @property
    def is_failed(self) -> bool:
        """Whether this says nothing about the records."""
        return self.state == "failed"


class Resolver(Protocol):
    """Looks names up. Never raises for what DNS, a server or a hostile name may do."""

    async def lookup(self, name: str, rtype: str, /) -> Answer: ...
