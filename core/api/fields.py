"""Parts of query parameters and bodies that many resources share."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from core.store.clock import from_iso
from hub.access.domain_names import check_domain

__all__ = ["Domain", "Moment", "Text", "Word"]


def _clean(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


def _moment(value: Any) -> Any:
    if value is None:
        return None
    text = str(value)
    try:
        # A plus sign that the client did not escape arrives as a space; no time holds one before its zone.
        return from_iso(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise ValueError("must be an ISO 8601 time such as 2026-05-01T07:42:13Z") from error


Word = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(_clean)]
"""A name, an address, an id."""
Text = Annotated[str, Field(max_length=1000), AfterValidator(_clean)]
Domain = Annotated[str, Field(max_length=300), AfterValidator(check_domain)]
"""Of a query or body, in its normal form."""
Moment = Annotated[int | None, BeforeValidator(_moment, json_schema_input_type=str | None)]
"""An ISO 8601 time, as milliseconds; absolute, so that it stays the same from page to page."""
