"""What a running hub shows: a live table on a terminal, plain lines elsewhere.

It reads what anyone can read (books, rows, archive), so the picture and the promises cannot differ.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import click
import orjson

from hub.archive.base import ArchiveError, Hit
from hub.archive.query import Query
from hub.sdk.ending import end
from hub.store.base import Book, ConnectorRow, StoreError

if TYPE_CHECKING:
    from rich.console import Group

    from hub.app.hub import Hub

__all__ = ["Line", "line_of", "view"]

_PAUSE_S = 0.5
_SHOWN = 8
_BOOKS_EVERY_S = 5.0
DEMO = (
    "no configuration, so this is the demo: a core, and a sandbox MailGuard that filters made mail.",
    "Ctrl-C stops, a second start carries on. Try in another terminal:",
)
NEXT = (
    "  mxhub events --severity '>=3'    what matters, newest first",
    "  mxhub books                      what became of everything, per connector",
    "  mxhub init --source mailguard    a configuration for your own filter",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One event in words."""

    time: str
    code: str
    who: str
    what: str


def line_of(hit: Hit) -> Line:
    """An OCSF event as one line: time, vendor's event name, from whom to whom, what it is about."""
    event = orjson.loads(hit.body)
    mail = event.get("email") or {}
    to = mail.get("to") or event.get("to") or []
    sender = mail.get("from") or event.get("from") or ""
    who = f"{sender} -> {', '.join(to[:1])}" if to else sender
    what = mail.get("subject") or event.get("message") or (event.get("finding_info") or {}).get("title") or ""
    clock = time.strftime("%H:%M:%S", time.localtime(hit.recorded_ms / 1000))
    return Line(clock, event["metadata"].get("event_code", ""), _plain(who), _plain(str(what)))


def _plain(text: str) -> str:
    """Hostile text must not move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


class _Watch:
    """Reads a hub's state now and then and remembers what it needs for rates and news."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self.after = 0
        self.books: Sequence[Book] = ()
        self.rows: dict[str, ConnectorRow] = {}
        self.recorded = 0
        self._rate: deque[tuple[float, int]] = deque(maxlen=20)

    @property
    def per_s(self) -> float:
        """Events recorded a second over the last ten seconds."""
        if len(self._rate) < 2:  # noqa: PLR2004 - two points make a slope
            return 0.0
        (then, before), (now, after) = self._rate[0], self._rate[-1]
        return (after - before) / max(now - then, 0.001)

    async def look(self) -> list[Hit]:
        """Returns the events archived since the last look, oldest first, at most the last few."""
        hub = self._hub
        self.books = await hub.store.log.books()
        self.rows = {row.name: row for row in await hub.store.log.rows(now_ms=hub.now_ms())}
        head = await hub.store.log.head()
        self.recorded = head.seq
        self._rate.append((time.monotonic(), head.seq))
        after = max(self.after, head.seq - 50)
        page = await hub.readers.run(hub.archive.search, Query(after_seq=after, limit=100))
        if page.hits:
            self.after = page.hits[-1].seq
        return list(page.hits)


@asynccontextmanager
async def view(
    hub: "Hub", *, terminal: bool, demo: bool, core: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[None]:
    """Show the hub until the block ends; `core` is where the core beside it answers, by listener."""
    said = [f"core: {url}/docs" if name == "api" else f"core as {name}: {url}" for name, url in core.items()]
    show = _on_terminal if terminal else _as_lines
    task = asyncio.create_task(show(hub, said, demo=demo), name="view")
    try:
        yield
    finally:
        await end(task)
        click.echo("mxhub: stopped")


async def _as_lines(hub: "Hub", said: Sequence[str], *, demo: bool) -> None:
    click.echo(f"mxhub: listening on {hub.url}, data in {hub.settings.data}")
    for where in said:
        click.echo(f"mxhub: {where}")
    if demo:
        click.echo("mxhub: no configuration, so this is the demo: a sandbox MailGuard filters made mail")
    watch, told_at = _Watch(hub), 0.0
    while True:
        with suppress(StoreError, ArchiveError):
            for hit in await watch.look():
                line = line_of(hit)
                click.echo(f"{line.time}  {line.code:<28} {line.who}  {line.what}".rstrip())
            if time.monotonic() - told_at > _BOOKS_EVERY_S and watch.recorded:
                told_at = time.monotonic()
                for book in watch.books:
                    click.echo(_book_line(book))
        await asyncio.sleep(_PAUSE_S)


def _book_line(book: Book) -> str:
    return (
        f"mxhub: {book.connector}: {book.delivered} delivered, {book.filtered} filtered, "
        f"{book.dropped} dropped, {book.parked} parked, {book.pending} pending of {book.recorded} recorded"
        + (f"; blocked: {book.blocked}" if book.blocked else "")
    )


async def _on_terminal(hub: "Hub", said: Sequence[str], *, demo: bool) -> None:
    from rich.live import Live

    watch = _Watch(hub)
    last: deque[Line] = deque(maxlen=_SHOWN)
    with Live(refresh_per_second=4, transient=False) as live:
        while True:
            with suppress(StoreError, ArchiveError):
                last.extend(map(line_of, await watch.look()))
                live.update(_picture(hub, watch, last, said, demo=demo))
            await asyncio.sleep(_PAUSE_S)


def _picture(hub: "Hub", watch: _Watch, last: Sequence[Line], said: Sequence[str], *, demo: bool) -> "Group":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = f"mxhub  {hub.url}   {watch.recorded:,} events recorded   {watch.per_s:.1f}/s"
    events = Table(box=None, pad_edge=False, expand=True)
    for name, style, ratio in (
        ("time", "dim", None),
        ("event", "cyan", None),
        ("who", "", 2),
        ("what", "", 3),
    ):
        events.add_column(name, style=style, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for line in last:
        events.add_row(line.time, line.code, Text(line.who), Text(line.what))
    books = Table(box=None, pad_edge=False)
    for name in (
        "connector",
        "recorded",
        "delivered",
        "filtered",
        "dropped",
        "parked",
        "pending",
        "lag",
        "state",
    ):
        books.add_column(name, justify="left" if name in {"connector", "state"} else "right")
    for book in watch.books:
        books.add_row(*_book_cells(book, watch.rows.get(book.connector)))
    foot = [Text(line, style="dim") for line in (*said, *(DEMO + NEXT if demo else ()))]
    return Group(Text(title, style="bold"), Text(), events, Text(), books, Text(), *foot)


def _book_cells(book: Book, row: ConnectorRow | None) -> list[str]:
    numbers = (book.recorded, book.delivered, book.filtered, book.dropped, book.parked, book.pending)
    state = f"blocked: {book.blocked}" if book.blocked else (row.state if row else "")
    return [
        book.connector,
        *(f"{n:,}" for n in numbers),
        f"{book.pending:,} ev",
        state if book.balanced else "UNBALANCED",
    ]
