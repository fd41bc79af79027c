"""A man in the middle of the hub and its Redis that can swallow the reply of one script.

The command goes through and is executed; the connection is cut before the answer: what a crash of the
network between the two looks like. Whatever else is on its way on that connection loses its answer, too.
Scripts are told apart by their SHA-1, as EVALSHA names them.
"""

import asyncio
import hashlib
import re
from collections import Counter
from contextlib import suppress

__all__ = ["Proxy"]

_CALL = re.compile(rb"EVALSHA\r\n\$40\r\n([0-9a-f]{40})\r\n")


class Proxy:
    """Listens on a unix socket and forwards to another."""

    def __init__(self, listen, target, scripts) -> None:
        self.listen, self.target = str(listen), str(target)
        self._names = {
            hashlib.sha1(source.encode()).hexdigest().encode(): name for name, source in scripts.items()
        }
        self._armed = Counter()
        self.swallowed = Counter()
        self.seen = Counter()
        self._server = None
        self._tasks = set()

    def swallow(self, script, times=1):
        """Lose the reply of the next `times` calls of that script."""
        self._armed[script] += times

    async def start(self):
        self._server = await asyncio.start_unix_server(self._connection, self.listen, limit=1 << 20)

    async def stop(self):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        pump = None
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self.target)
            state = {"cut": False}
            pump = asyncio.create_task(self._back(up_reader, writer, state))
            while data := await reader.read(1 << 18):
                for name in self._scripts(data):
                    if self._armed[name] > 0:
                        self._armed[name] -= 1
                        self.swallowed[name] += 1
                        state["cut"] = True
                up_writer.write(data)
                await up_writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            if pump is not None:
                pump.cancel()
            with suppress(Exception):
                writer.close()
            with suppress(Exception):
                up_writer.close()
            self._tasks.discard(task)

    async def _back(self, reader, writer, state):
        try:
            while data := await reader.read(1 << 18):
                if state["cut"]:  # the answer is here, so the command was executed
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the server was killed
        finally:
            writer.transport.abort()

    def _scripts(self, data):
        """Scripts that are called in what was read: commands follow each other without waiting."""
        for found in _CALL.finditer(data):
            if name := self._names.get(found[1]):
                self.seen[name] += 1
                yield name
