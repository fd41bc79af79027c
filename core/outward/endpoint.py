"""A webhook as the delivery engine sees it: a connector that says what became of each event."""

from collections.abc import Hashable, Sequence

from core.outward.courier import Courier, Tried
from core.outward.ledger import Attempt, Ledger
from core.outward.letter import Letter, letter_of
from core.outward.policy import Policy
from hub.model.event import Entry
from hub.model.outcome import Delivered, Outcome, Rejected
from hub.sdk.blame import Answer, Blame
from hub.sdk.connector import OWN_SHARE
from hub.sdk.each import in_one_row, send_each
from hub.sdk.lifetime import Closing

__all__ = ["Endpoint"]


def _by_itself(entry: Entry) -> Hashable:
    return entry.seq


class Endpoint(Closing):
    """Posts events, several at once; writes what came back before it says so."""

    def __init__(self, courier: Courier, ledger: Ledger, policy: Policy, within_s: float) -> None:
        self._courier = courier
        self._ledger = ledger
        self._parallel = policy.parallel
        self._within_s = within_s * OWN_SHARE
        self._blame = Blame()

    async def close(self) -> None:
        await self._courier.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """One outcome an event, in the batch's order. Raises `Unavailable` when they cannot be kept."""
        letters = {entry.seq: letter_of(entry.body) for entry in batch}
        tried: dict[int, Tried] = {}

        async def one(entry: Entry, left_s: float) -> Answer:
            tried[entry.seq] = found = await self._courier.send(letters[entry.seq], left_s)
            return found.answer

        answers = await send_each(
            batch,
            one,
            within_s=self._within_s,
            parallel=self._parallel,
            together=in_one_row if self._parallel == 1 else _by_itself,
        )
        outcomes = self._blame.judge(batch, answers)
        attempts = [
            _attempt(letters[entry.seq], tried[entry.seq], outcome)
            for entry, outcome in zip(batch, outcomes, strict=True)
            if entry.seq in tried
        ]
        await self._ledger.note(self._courier.webhook, attempts)
        return outcomes


def _attempt(letter: Letter, tried: Tried, outcome: Outcome) -> Attempt:
    if isinstance(outcome, Delivered):
        return Attempt(letter, tried, "delivered")
    if isinstance(outcome, Rejected):
        return Attempt(letter, tried, "given_up")
    return Attempt(letter, tried, "failed")
