"""TXT records about TLS between mail servers: MTA-STS (RFC 8461 3.1) and TLS-RPT (RFC 8460 3)."""

from core.dns.tags import parse_tags

__all__ = ["mta_sts_problems", "tls_rpt_problems"]

_ID_CHARS = 32
_SCHEMES = ("mailto:", "https:")


def mta_sts_problems(text: str) -> tuple[str, ...]:
    """What is wrong with the record at `_mta-sts.<domain>`."""
    tags = parse_tags(text)
    if tags.get("v") != "STSv1":
        return ("no MTA-STS record: it must begin with v=STSv1",)
    version = tags.get("id") or ""
    good = version.isascii() and version.isalnum() and len(version) <= _ID_CHARS
    return (*tags.problems, *(() if good else (f"id must be 1 to {_ID_CHARS} letters and digits",)))


def tls_rpt_problems(text: str) -> tuple[str, ...]:
    """What is wrong with the record at `_smtp._tls.<domain>`."""
    tags = parse_tags(text)
    if tags.get("v") != "TLSRPTv1":
        return ("no TLS-RPT record: it must begin with v=TLSRPTv1",)
    addresses = [part.strip().lower() for part in (tags.get("rua") or "").split(",")]
    good = all(address.startswith(_SCHEMES) for address in addresses)
    return (*tags.problems, *(() if good else ("rua must hold mailto: or https: addresses",)))
