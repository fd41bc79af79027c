"""Whatever a file holds: settings, or a list of problems. Never anything else."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.config import ConfigError, Settings, load_text
from tests.factories.config import FakeRegistry

REGISTRY = FakeRegistry()
KEYS = sorted({*Settings.model_fields, "vendor", "kind", "match", "polls", "audit", "every_s", "url", "from"})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        ["acme", "pipe", "${X}", "${file:/}", "sealed:x", ">=3", "now", "127.0.0.1:1", "1 MiB", "*"]
    ),
    st.text(max_size=12),
)
TREES = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), below, max_size=4)
    ),
    max_leaves=25,
)


def load_any(text: str | bytes) -> None:
    with suppress(ConfigError):
        assert isinstance(load_text(text, {"X": "5"}, registry=REGISTRY), Settings)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.sampled_from("abc:{}[]&*!|>-?#'\"%@`,<\n\t 0123.~$\x00\ud800é"), max_size=60))
@example("a: &a [*a]")
@example("<<: {<<: x}")
@example("? {a: b}\n: c")
@example("a: !!binary zzz")
@example("a: !!timestamp 2001-99-99")
@example("a: " + "9" * 4400)
@example("[" * 900)
@example("%YAML 9.9\n---\na: b")
@example("a: 0x\n")
@example("include: '\x7f'")
@pytest.mark.slow
def test_any_text_ends_in_settings_or_problems(text):
    load_any(text)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_end_in_settings_or_problems(raw):
    load_any(raw)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=5))
def test_any_tree_ends_in_settings_or_problems(tree):
    import json

    load_any(json.dumps(tree))


@pytest.mark.parametrize("key", sorted(Settings.model_fields))
def test_any_value_at_a_known_key_ends_in_settings_or_problems(key):
    for value in (
        "null",
        "[]",
        "{}",
        "-1",
        "1e999",
        ".nan",
        "''",
        "[[]]",
        "{a: {b: {c: d}}}",
        "9999999999999999999",
    ):
        load_any(f"{key}: {value}")
