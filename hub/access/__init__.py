"""Keys, people and limits: a library that hub and core share.

It keeps a SQL schema of its own and its buckets in Redis; it knows neither requests nor pages
(`hub.web.access` does). Nothing is imported here, so that the pure parts cost nothing.
"""
