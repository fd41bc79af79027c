"""Whose a row is."""

__all__ = ["OPERATOR"]

OPERATOR = "default"
"""The tenant of what concerns the service itself (nodes, licence, certificates, logins), and of those who
name none; the hub's default tenant has the same name."""
