"""The route table: method, path, models, scope and errors become aiohttp routes and OpenAPI; one envelope.

A library: the hub's API and the core service both mount their tables with it. Nothing is imported here, so
that a command that only needs `hub.web.times` starts fast.
"""
