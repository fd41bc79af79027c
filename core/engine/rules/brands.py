"""Names that phishing borrows, and how a host is read."""

from ipaddress import ip_address

__all__ = ["BRANDS", "is_ip"]

BRANDS = ("paypal", "microsoft", "dhl", "sparkasse", "amazon", "netflix", "docusign")


def is_ip(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
