"""Header and body bytes become text: encoded words of RFC 2047, any charset, never an exception."""

from email.header import decode_header

__all__ = ["decode_words", "to_text"]


def decode_words(value: str) -> str:
    """Decode the encoded words of RFC 2047; text that is no such word, or a broken one, stays as it is."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except Exception:  # the stdlib raises several kinds on broken base64
        return value
    return "".join(to_text(part, charset) for part, charset in pieces)


def to_text(part: bytes | str, charset: str | None) -> str:
    """Text of bytes in a charset that may be wrong or unknown; without NUL and lone surrogates."""
    if isinstance(part, str):
        return part
    try:
        text = part.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        text = part.decode("utf-8", "replace")
    # Some codecs (utf-7, unicode-escape) make lone surrogates, which neither JSON nor SQLite takes.
    return text.encode("utf-8", "replace").decode().replace("\x00", "")
