"""The books: every recorded event has one fate per connector."""

from pydantic import BaseModel, Field

from hub.api.services import services_of
from hub.store.base import Book
from hub.web.errors import ServiceUnavailable
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "BookRow", "book_row"]


class BookRow(BaseModel):
    """recorded = delivered + filtered + dropped + parked + pending."""

    connector: str
    recorded: int
    delivered: int
    filtered: int
    dropped: int
    parked: int
    pending: int
    blocked: str | None = Field(description="Why nothing is sent right now, or null.")
    matched: int = Field(description="matched = queued + delivered + dropped + parked + retrying")
    queued: int
    retrying: int
    dropped_by: dict[str, int] = Field(description="Dropped events by reason.")
    balanced: bool = Field(description="Whether both equations hold.")


def book_row(book: Book) -> BookRow:
    return BookRow(
        connector=book.connector,
        recorded=book.recorded,
        delivered=book.delivered,
        filtered=book.filtered,
        dropped=book.dropped,
        parked=book.parked,
        pending=book.pending,
        blocked=book.blocked,
        matched=book.matched,
        queued=book.queued,
        retrying=book.retrying,
        dropped_by=dict(book.dropped_by),
        balanced=book.balanced,
    )


async def list_(call: Call[None, None]) -> Reply:
    books = [book_row(book) for book in await services_of(call.request).log.books()]
    wrong = [book.connector for book in books if not book.balanced]
    message = f"The books of {', '.join(wrong)} do not balance." if wrong else "The books balance."
    return Reply(data=books, message=message)


ROUTES = (
    Route(
        "GET",
        "/api/v1/books",
        list_,
        summary="The books of every connector, counted from the stored sets in one read",
        response=list[BookRow],
        errors=(ServiceUnavailable,),
    ),
)
