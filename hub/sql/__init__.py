"""SQL as hub and core use it: one way to open SQLite or PostgreSQL, to lay columns, to take a schema forward.

A library: whoever keeps tables brings their metadata and their revisions.
"""
