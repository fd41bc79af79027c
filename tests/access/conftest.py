"""Databases, servers and people for every test that asks for one."""

from tests.factories.access import (
    access,
    access_template,
    access_template_postgresql,
    access_url,
    bucket_server,
    buckets,
    empty_url,
    people,
)
from tests.factories.valkey import log_server, log_server_of_its_own, redis

__all__ = [
    "access",
    "access_template",
    "access_template_postgresql",
    "access_url",
    "bucket_server",
    "buckets",
    "empty_url",
    "log_server",
    "log_server_of_its_own",
    "people",
    "redis",
]
