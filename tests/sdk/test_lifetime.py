"""What an `async with` opens, it closes, whatever happens between."""

from contextlib import suppress

import pytest

from hub.sdk.lifetime import Closing, Opening


class Held(Closing):
    closed = 0

    async def close(self):
        self.closed += 1


class Steps(Opening):
    def __init__(self, fails=None):
        super().__init__()
        self.ended = []
        self._fails = fails

    async def _open(self):
        for step in (1, 2, 3):
            if step == self._fails:
                raise OSError(step)
            self._stack.callback(self.ended.append, step)


async def test_what_is_left_by_an_error_is_closed():
    held = Held()
    with suppress(KeyError):
        async with held as entered:
            raise KeyError

    assert (entered, held.closed) == (held, 1)


async def test_steps_end_in_the_reverse_order():
    async with Steps() as steps:
        assert steps.ended == []

    assert steps.ended == [3, 2, 1]


async def test_a_step_that_fails_ends_those_before_it():
    steps = Steps(fails=3)
    with pytest.raises(OSError, match="3"):
        await steps.__aenter__()

    assert steps.ended == [2, 1]


async def test_who_failed_to_open_may_try_again():
    steps = Steps(fails=2)
    with pytest.raises(OSError, match="2"):
        await steps.__aenter__()
    steps._fails = None
    async with steps:
        pass

    assert steps.ended == [1, 3, 2, 1]
