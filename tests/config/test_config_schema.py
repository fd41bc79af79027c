import jsonschema
import pytest

from hub.config.assemble import common_keys
from hub.config.load import installed
from hub.config.model import ConnectorConfig, SourceConfig
from hub.config.schema import json_schema
from tests.factories.config import FakeRegistry

VALIDATOR = jsonschema.Draft202012Validator(json_schema(FakeRegistry()))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {
            "listen": "127.0.0.1:0",
            "log": {"max_bytes": "5 MiB", "max_entries": "${N}"},
            "archive": {"keep_days": None},
        },
        {
            "sources": {
                "a": {"vendor": "acme", "secrets": "${S}", "page_size": 5, "polls": {"audit": {"every_s": 5}}}
            }
        },
        {"sources": {"a": {"vendor": "acme", "signature": [{"headers": "x-sig"}, "hmac-hex"]}}},
        {
            "connectors": {
                "b": {
                    "kind": "pipe",
                    "url": "x",
                    "match": {"severity": ">=3", "code": ["a.*"]},
                    "from": "now",
                }
            }
        },
        {"defaults": {"sources": {"acme": {"tenant": "t"}}, "connectors": {"pipe": {"retries": 1}}}},
        {"include": "conf.d/*.yaml"},
    ],
)
def test_the_schema_takes_what_the_loader_takes(data):
    assert list(VALIDATOR.iter_errors(data)) == []


@pytest.mark.parametrize(
    "data",
    [
        {"listne": "x"},
        {"sources": {"a": {"vendor": "nobody"}}},
        {"sources": {"a": {"vendor": "acme", "page_sise": 5}}},
        {"sources": {"A@b": {"vendor": "acme"}}},
        {"connectors": {"b": {"kind": "pipe"}}},
        {"connectors": {"b": {"kind": "pipe", "url": "x", "match": {"severity": {}}}}},
        {"defaults": {"sources": {"acme": {"nothing": 1}}}},
        {"log": {"max_entries": "many"}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(data):
    assert list(VALIDATOR.iter_errors(data))


def test_the_schema_of_this_installation_is_a_schema():
    schema = json_schema(installed())

    jsonschema.Draft202012Validator.check_schema(schema)
    kinds = schema["properties"]["sources"]["patternProperties"]
    titles = {one["title"] for entries in kinds.values() for one in entries["oneOf"]}
    assert titles == set(installed().sources())


def test_no_option_of_a_vendor_or_kind_hides_behind_a_common_key():
    registry = installed()

    for name in registry.sources():
        assert not common_keys(SourceConfig) & set(registry.source(name).options.model_fields)
    for name in registry.connectors():
        assert not common_keys(ConnectorConfig) & set(registry.connector(name).options.model_fields)
