"""Storms: many alerts of one kind about one sender or one domain become a message that counts.

The first few of a window are sent one by one, the rest are counted. Windows live in memory: a restart costs a
few more alerts, no count (the settle that ends an event writes it). They are counted on the clock of sending,
not of recording: what matters is how often a person is woken.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hub.model.ids import event_uid, uid_text
from hub.sdk.alerts import Alert

__all__ = ["Group", "StormRule", "Storms", "groups_of"]

_MOST_WINDOWS: Final = 4_096
_NAME_CHARS: Final = 320
"""Longest address there can be (RFC 5321, section 4.5.3.1)."""


@dataclass(frozen=True, slots=True)
class StormRule:
    """When a storm begins: after so many alerts of one group within so long."""

    after: int = 5
    within_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that belong together."""

    tenant: str
    kind: str
    by: str
    """`sender`, `domain` or `code`."""
    name: str

    @property
    def key(self) -> str:
        return "storm:" + uid_text(event_uid((self.tenant, self.kind, self.by, self.name)))


def groups_of(alert: Alert) -> tuple[Group, ...]:
    """Where an alert counts: with its sender first, then with its domain; the hub's own by what it says."""
    if alert.kind.startswith("hub."):
        return (Group(alert.tenant, alert.kind, "code", alert.code[:_NAME_CHARS]),)
    named = (("sender", alert.sender), ("domain", alert.domain))
    return tuple(
        Group(alert.tenant, alert.kind, by, name.lower()[:_NAME_CHARS]) for by, name in named if name
    )


@dataclass(slots=True)
class _Window:
    ends_ms: int
    alone: int
    """Alerts sent one by one in it."""
    trying: int = 0
    """Alerts sent one by one that wait to be tried again."""
    stormy: bool = False
    """Whether some were counted instead."""


class Storms:
    """Of one connector, in this process."""

    def __init__(self, rule: StormRule) -> None:
        self._rule = rule
        self._windows: dict[Group, _Window] = {}

    def plan(
        self, alerts: Sequence[Sequence[Group]], now_ms: int, *, again: bool = False
    ) -> list[Group | None]:
        """For each alert the storm that it would be counted in, or `None` to send it. Changes nothing: what
        becomes of a batch is not known yet. `again`: these are the ones that wait to be tried again.
        """

        def is_stormy(group: Group) -> bool:
            trying = 0 if again else self._trying(group, now_ms)
            return self._alone(group, now_ms) + trying + ahead[group] >= self._rule.after

        ahead: Counter[Group] = Counter()
        planned: list[Group | None] = []
        for groups in alerts:
            stormy = next(filter(is_stormy, groups), None)
            planned.append(stormy)
            if stormy is None:
                ahead.update(groups)
        return planned

    def due_ms(self, group: Group, now_ms: int) -> int:
        """When what is counted now is worth a message: at the window's end."""
        window = self._windows.get(group)
        return window.ends_ms if window and now_ms < window.ends_ms else now_ms + self._rule.within_ms

    def sent(self, groups: Iterable[Group], now_ms: int) -> None:
        """An alert of these groups was delivered by itself."""
        for group in groups:
            self._window(group, now_ms).alone += 1

    def tried(self, groups: Iterable[Group], now_ms: int) -> None:
        """An alert of these groups was sent by itself, and will be again."""
        for group in groups:
            self._window(group, now_ms).trying += 1

    def counted(self, group: Group, now_ms: int) -> None:
        """An alert of this group was counted instead."""
        self._window(group, now_ms).stormy = True

    def _alone(self, group: Group, now_ms: int) -> int:
        """Alerts sent one by one in the window that `now_ms` falls into; a storm goes on into the next."""
        window = self._windows.get(group)
        if window is None or now_ms >= window.ends_ms + self._rule.within_ms:
            return 0
        if now_ms < window.ends_ms:
            return window.alone
        return self._rule.after if window.stormy else 0

    def _trying(self, group: Group, now_ms: int) -> int:
        window = self._windows.get(group)
        return window.trying if window and now_ms < window.ends_ms else 0

    def _window(self, group: Group, now_ms: int) -> _Window:
        window = self._windows.get(group)
        if window is None or now_ms >= window.ends_ms:
            alone = self._alone(group, now_ms)
            self._windows.pop(group, None)  # the newest stand last
            self._make_room(now_ms)
            window = self._windows[group] = _Window(now_ms + self._rule.within_ms, alone)
        return window

    def _make_room(self, now_ms: int) -> None:
        if len(self._windows) < _MOST_WINDOWS:
            return
        over = now_ms - self._rule.within_ms
        self._windows = {group: window for group, window in self._windows.items() if window.ends_ms > over}
        while len(self._windows) >= _MOST_WINDOWS:
            del self._windows[next(iter(self._windows))]
