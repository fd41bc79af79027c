"""Of which domains somebody is told who does not ask again each time: a webhook, a notification target."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

__all__ = ["SIGHT", "Sight", "place_of"]

SIGHT: Final = ("key_id", "all_ties", "domains")
"""The columns that keep one."""


def place_of(domain: str, held_by: str) -> str:
    """Where an event happened, as routes compare it: `<key>/<domain>`, either empty where there is none."""
    return f"{held_by}/{domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The rights of who made it, as they were then (`core.service.visible.sight`).

    `key_id`: of domains that are tied to a key it gets this key's; with `all_ties` every key's. `domains`
    (names in normal form): only what is of these; `None` = of all, and what is of none.
    """

    key_id: str = ""
    all_ties: bool = False
    domains: tuple[str, ...] | None = None

    @classmethod
    def of(cls, row: Any) -> Self:
        """Of a row with the columns of these names."""
        domains = row["domains"]
        names = None if domains is None else tuple(domains)
        return cls(key_id=row["key_id"], all_ties=row["all_ties"], domains=names)

    @property
    def columns(self) -> dict[str, Any]:
        """For a row."""
        names = None if self.domains is None else list(self.domains)
        return {"key_id": self.key_id, "all_ties": self.all_ties, "domains": names}

    def sees(self, domain: str, held_by: str) -> bool:
        """Whether an event of the domain, which was tied to that key then, is for it."""
        is_its = self.all_ties or held_by in ("", self.key_id)
        return is_its and (self.domains is None or domain in self.domains)

    def within(self, other: "Sight") -> "Sight":
        """What both see."""
        keys = {one.key_id for one in (self, other) if not one.all_ties}
        return Sight(
            key_id=keys.pop() if len(keys) == 1 else "",
            all_ties=self.all_ties and other.all_ties,
            domains=_common(self.domains, other.domains),
        )

    def places(self) -> Sequence[str] | None:
        """The same as patterns over `place_of`, for routes; `None` = everywhere."""
        holders = ["*"] if self.all_ties else ["", *([self.key_id] if self.key_id else [])]
        if self.domains is None:
            return None if self.all_ties else [f"{holder}/*" for holder in holders]
        return [f"{holder}/{domain}" for holder in holders for domain in self.domains]


def _common(one: Collection[str] | None, other: Collection[str] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        found = other if one is None else one
        return None if found is None else tuple(sorted(found))
    return tuple(sorted(set(one) & set(other)))
