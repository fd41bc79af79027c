"""The load generator as a process of its own."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from typing import Self

from tests.bench.player import Plan, Played, play

__all__ = ["Load"]

_CONTEXT = multiprocessing.get_context("spawn")
_GRACE_S = 90.0


def _main(pipe: Connection) -> None:
    import uvloop

    while True:
        try:
            plan = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(uvloop.run(play(plan)))
        except OSError as error:
            pipe.send(error)


class Load:
    """`async with Load() as load: played = await load.play(plan)`."""

    def __init__(self) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_main, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipe.close()
        await asyncio.to_thread(self._process.join, 5)
        self._process.kill()

    async def play(self, plan: Plan) -> Played:
        """Play it there. Raises `OSError` where nothing listens, `TimeoutError` when it does not end."""
        self._pipe.send(plan)
        preparing = plan.count * 50e-6
        limit = min(plan.seconds, 600) + preparing + _GRACE_S
        if not await asyncio.to_thread(self._pipe.poll, limit):
            raise TimeoutError(f"the load did not end within {limit:.0f} s")
        answer = self._pipe.recv()
        if isinstance(answer, OSError):
            raise answer
        played: Played = answer
        return played
