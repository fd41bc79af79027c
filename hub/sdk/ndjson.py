"""One JSON value a line (newline-delimited JSON)."""

__all__ = ["one_line"]


def one_line(body: bytes) -> bytes:
    """The same JSON without line ends, which can only stand between its tokens.

    Costs a look at the bytes where there are none, as in everything that we serialise ourselves.
    """
    if b"\n" not in body and b"\r" not in body:
        return body
    return body.replace(b"\r", b" ").replace(b"\n", b" ")
