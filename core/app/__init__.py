"""Puts the service together; nothing else of the core imports it."""
